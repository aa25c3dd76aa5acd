import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { headlessChromium } from "./headless-chromium.ts";

const repository = join(import.meta.dirname, "../..");
const folder = join(process.env["VECTORS_DIR"] ?? join(repository, "../shared/vectors"), "mls");

/** The engine's checks of the official vectors in real Chromium, with its WebCrypto. */
export default defineConfig({
  root: join(repository, "packages/mls"),
  // The page fetches the files from here.
  publicDir: folder,
  test: {
    include: ["src/vectors/*.browser.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    provide: { vectorFiles: vectorFiles() },
    browser: headlessChromium,
  },
});

/** Paths of the files below the folder; undefined where there is none. */
function vectorFiles(): string[] | undefined {
  if (!existsSync(folder)) return undefined;
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".json")).sort();
}
