import { ensureInstalled, printInstalled } from "./ensure-installed.ts";

/** The path of a Firefox, installed where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureFirefox(): string {
  return ensureInstalled({
    name: "Firefox",
    candidates: [
      process.env["FIREFOX_PATH"],
      "/usr/bin/firefox-esr",
      "/usr/bin/firefox",
      "/Applications/Firefox.app/Contents/MacOS/firefox",
    ],
    packages: ["firefox-esr"],
    advice:
      "FIREFOX_MISSING: the app is tried in Firefox, and the engine compared with Firefox's, and none was found. Install it " +
      "(Debian: sudo apt-get install firefox-esr; macOS: brew install --cask firefox) " +
      "or name it in FIREFOX_PATH, then run the command again.",
  });
}

if (import.meta.main) printInstalled(ensureFirefox);
