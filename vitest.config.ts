import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{packages,apps}/*/src/**/*.test.ts", "tools/**/*.test.ts"],
    exclude: ["**/*.browser.test.ts", "**/node_modules/**"],
    globalSetup: "tools/servers.setup.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
