import { hash } from "node:crypto";

/** SHA-256. Node takes three times as long to give out a Buffer as to hash a message: text that becomes one is cheaper. */
export function sha256(data: Uint8Array): Uint8Array {
  return Buffer.from(hash("sha256", data, "binary"), "binary");
}
