import { encode, struct, u16 } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { type PreSharedKeyId, preSharedKeyIdCodec } from "../proposal.ts";
import { zeroSecret } from "./key-schedule.ts";

/** psk_secret of RFC 9420 §8.4: all PSKs of a commit, chained in its order; zeros where there are none. */
export function derivePskSecret(
  suite: CipherSuite,
  psks: readonly { readonly id: PreSharedKeyId; readonly psk: Uint8Array }[],
): Uint8Array {
  const zero = zeroSecret(suite);
  return psks.reduce((secret, { id, psk }, index) => {
    const label = encode(pskLabelCodec, { id, index, count: psks.length });
    const input = suite.expandWithLabel(suite.extract(zero, psk), "derived psk", label, suite.hashLength);
    return suite.extract(input, secret);
  }, zero);
}

const pskLabelCodec = struct<{ readonly id: PreSharedKeyId; readonly index: number; readonly count: number }>(
  {
    id: preSharedKeyIdCodec,
    index: u16,
    count: u16,
  },
);
