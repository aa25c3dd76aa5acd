/** PKCS #8 of a raw Curve25519-family private key (RFC 8410 §7): the only private form that all browsers import. */
export function curve25519Pkcs8(algorithm: "Ed25519" | "X25519", privateKey: Uint8Array): Uint8Array {
  const oid = algorithm === "Ed25519" ? 0x70 : 0x6e;
  const pkcs8 = new Uint8Array(48);
  pkcs8.set([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, oid, 0x04, 0x22, 0x04, 0x20]);
  pkcs8.set(privateKey, 16);
  return pkcs8;
}

/** Whether 32 little-endian bytes say a number below p = 2^255 - 19, so that no other bytes say the same coordinate. */
export function isCanonicalCoordinate(bytes: Uint8Array): boolean {
  if (bytes.length !== 32 || (bytes[31] ?? 0) > 0x7f) return false;
  if (bytes[31] !== 0x7f || (bytes[0] ?? 0) < 0xed) return true;
  return bytes.subarray(1, 31).some((byte) => byte !== 0xff);
}
