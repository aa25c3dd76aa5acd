import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { killRelay, startRelay } from "./relay-commands.ts";

/** Tests that need a browser's own storage, locks and workers: real Chromium, no stand-ins. */
export default defineConfig({
  // Found in the middle of a run they would reload the page under a test.
  optimizeDeps: {
    include: ["cborg", "idb", "socket.io-client", "socket.io-msgpack-parser", "@thicket/protocol > valibot"],
  },
  test: {
    include: ["src/**/*.browser.test.ts"],
    setupFiles: ["./small-disk.setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      commands: { startRelay, killRelay },
      provider: playwright({
        launchOptions: {
          executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
          args: [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
          ],
        },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
});
