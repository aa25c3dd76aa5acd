import { defineConfig } from "@playwright/test";
import type { StageOptions } from "./src/stage/index.ts";

/** Real browsers, one profile per person, against the built app served by the real relay. */
export default defineConfig<StageOptions>({
  testDir: "stories",
  // Two cores: one story at a time keeps them honest about time.
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  forbidOnly: true,
  outputDir: "test-results",
  reporter: "list",
  projects: [
    { name: "chromium", use: { browserKind: "chromium" } },
    // What browsers may differ in.
    { name: "firefox", use: { browserKind: "firefox" }, grep: /@firefox/ },
  ],
});
