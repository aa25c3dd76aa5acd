import { hexToBytes } from "@noble/hashes/utils.js";
import type { NistCurve } from "./nist-curve.ts";

/** NIST SP 800-186 §3.2.1.3 */
export const p256: NistCurve = {
  name: "P-256",
  length: 32,
  firstByteMask: 0xff,
  p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  order: hexToBytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
  oid: [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
};
