import { ensureInstalled, printInstalled } from "./ensure-installed.ts";

/** The path of a Chromium, installed where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureChromium(): string {
  return ensureInstalled({
    name: "Chromium",
    candidates: [
      process.env["CHROMIUM_PATH"],
      "/usr/bin/chromium",
      "/usr/bin/chromium-browser",
      "/usr/bin/google-chrome",
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
    packages: ["chromium", "fonts-noto-color-emoji"],
    advice:
      "CHROMIUM_MISSING: the tests drive a real Chromium and none was found. Install it " +
      "(Debian and Ubuntu: sudo apt-get install chromium; macOS: brew install --cask chromium) " +
      "or name it in CHROMIUM_PATH, then run the command again.",
  });
}

if (import.meta.main) printInstalled(ensureChromium);
