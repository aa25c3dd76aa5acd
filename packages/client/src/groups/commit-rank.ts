import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "@thicket/protocol";

/** Milliseconds before the member of rank 0 commits what others have proposed, and what each further rank adds (POL-9). */
const FIRST = 1_000;
const EACH = 2_000;

/**
 * How long (ms) this member waits before it commits others' proposals: members are ranked anew in every epoch, in
 * an order that all compute alike, so that mostly one commits. Those who are leaving come last.
 */
export function commitDelay(
  epochAuthenticator: Uint8Array,
  ownLeaf: number,
  members: readonly { leaf: number; leaving: boolean }[],
): number {
  const scoreOf = (leaf: number) =>
    toHex(hmac(sha256, epochAuthenticator, Uint8Array.of(leaf >>> 24, leaf >>> 16, leaf >>> 8, leaf)));
  const leaves = members.some(({ leaf, leaving }) => leaf === ownLeaf && leaving);
  const own = scoreOf(ownLeaf);
  const before = members.filter(({ leaf, leaving }) =>
    leaving === leaves ? scoreOf(leaf) < own : leaves,
  ).length;
  return FIRST + EACH * before;
}
