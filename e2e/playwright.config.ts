import { defineConfig } from "@playwright/test";

/** Real Chromium, one profile per person, against the built app served by the real relay. */
export default defineConfig({
  testDir: "stories",
  // Two cores: one story at a time keeps them honest about time.
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  forbidOnly: true,
  outputDir: "test-results",
  reporter: "list",
});
