import { timingSafeEqual } from "node:crypto";
import { sha256 } from "../sha256.ts";

/** What is stored of a seat's or an epoch's token: 32 bytes. */
export function tokenHash(token: Uint8Array): Uint8Array {
  return sha256(token);
}

/** Constant time in the token. */
export function isToken(token: Uint8Array, storedHash: Uint8Array | null): boolean {
  return storedHash !== null && timingSafeEqual(tokenHash(token), storedHash);
}
