import { findCaddy } from "../apps/relay/src/testing/find-caddy.ts";
import { ensureInstalled, printInstalled } from "./ensure-installed.ts";

/** The path of a Caddy, installed where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureCaddy(): string {
  return ensureInstalled({
    name: "Caddy",
    candidates: () => [findCaddy()],
    packages: ["caddy"],
    advice:
      "CADDY_MISSING: the proxy's example is tested with a real Caddy and none was found. Install it " +
      "(Debian and Ubuntu: sudo apt-get install caddy; macOS: brew install caddy), then run the command again.",
  });
}

if (import.meta.main) printInstalled(ensureCaddy);
