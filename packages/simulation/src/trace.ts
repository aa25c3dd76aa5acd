import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** What happened, line by line. Two runs of one seed have the same hash, or the simulation isn't worth its name. */
export interface Trace {
  line(text: string): void;
  /** SHA-256 over all lines so far. */
  hash(): string;
  /** The last lines, oldest first. */
  tail(count: number): string[];
}

export function createTrace(keep = 100_000): Trace {
  const hash = sha256.create();
  let lines: string[] = [];
  return {
    line(text) {
      hash.update(utf8ToBytes(`${text}\n`));
      lines.push(text);
      if (lines.length > 2 * keep) lines = lines.slice(-keep);
    },
    hash: () => bytesToHex(hash.clone().digest()),
    tail: (count) => lines.slice(-count),
  };
}
