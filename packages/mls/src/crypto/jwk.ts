import { type CryptoKey, subtle } from "./web-crypto.ts";

/**
 * The public half of an extractable private key: WebCrypto has no other call for it that all platforms know. Throws
 * what the platform throws where it can't tell (Firefox, for a P-curve key that came without its public half).
 */
export async function publicCoordinates(key: CryptoKey): Promise<{ x: Uint8Array; y: Uint8Array }> {
  const { x, y } = await subtle().exportKey("jwk", key);
  return { x: fromBase64Url(x ?? ""), y: fromBase64Url(y ?? "") };
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** RFC 4648 §5, without padding. */
function fromBase64Url(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length * 6) >> 3);
  let buffer = 0;
  for (let i = 0; i < text.length; i++) {
    buffer = ((buffer << 6) | DIGITS.indexOf(text.charAt(i))) & 0xffff;
    // Of every four digits, the second, third and fourth complete a byte.
    if (i % 4 !== 0) bytes[(i * 3) >> 2] = buffer >> (6 - 2 * (i % 4));
  }
  return bytes;
}
