import { hash, timingSafeEqual } from "node:crypto";

/** What is stored of a seat's or an epoch's token: 32 bytes. */
export function tokenHash(token: Uint8Array): Uint8Array {
  return hash("sha256", token, "buffer");
}

/** Constant time in the token. */
export function isToken(token: Uint8Array, storedHash: Uint8Array | null): boolean {
  return storedHash !== null && timingSafeEqual(tokenHash(token), storedHash);
}
