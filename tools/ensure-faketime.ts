import { ensureInstalled, printInstalled } from "./ensure-installed.ts";

/** The path of faketime, whose package brings the library that is meant, installed where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureFaketime(): string {
  return ensureInstalled({
    name: "libfaketime",
    candidates: () => ["/usr/bin/faketime"],
    packages: ["faketime"],
    advice:
      "FAKETIME_MISSING: chaos lets the clocks of relays jump and found no libfaketime to do it with. Install it " +
      "(Debian and Ubuntu: sudo apt-get install faketime), then run the command again; without it clocks don't jump.",
  });
}

if (import.meta.main) printInstalled(ensureFaketime);
