import { defineConfig } from "vitest/config";
import { headlessChromium } from "./headless-chromium.ts";
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
    browser: { ...headlessChromium, commands: { startRelay, killRelay } },
  },
});
