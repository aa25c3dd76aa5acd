import { ensureBrowser, printBrowser } from "./ensure-browser.ts";

/** The path of a Caddy, installed where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureCaddy(): string {
  return ensureBrowser({
    name: "Caddy",
    candidates: [
      process.env["CADDY_PATH"],
      "/usr/bin/caddy",
      "/usr/local/bin/caddy",
      "/opt/homebrew/bin/caddy",
    ],
    packages: ["caddy"],
    advice:
      "CADDY_MISSING: the test of the proxy's configuration runs a real Caddy and none was found. Install it " +
      "(Debian and Ubuntu: sudo apt-get install caddy; macOS: brew install caddy) or name it in CADDY_PATH.",
  });
}

if (import.meta.main) printBrowser(ensureCaddy);
