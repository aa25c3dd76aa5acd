import { type Codec, codec } from "@thicket/mls/public";
import type { Lifetime } from "./lifetime.ts";
import { type Signer, type Verify, id, signature, signedContent } from "./signed-content.ts";

/** What the device says: this leaf signature key is mine, for this cipher suite. */
export interface LeafBindingContent extends Lifetime {
  /** 16 bytes. */
  userId: Uint8Array;
  /** 16 bytes. */
  deviceId: Uint8Array;
  /** The leaf's signature_key; its form is the cipher suite's. */
  leafSignatureKey: Uint8Array;
  cipherSuite: number;
}

export interface LeafBinding extends LeafBindingContent {
  signature: Uint8Array;
}

/** Signs with the device key. */
export async function signLeafBinding(sign: Signer, content: LeafBindingContent): Promise<LeafBinding> {
  return { ...content, signature: await sign(leafMessage(content)) };
}

/** Whether this device key made the signature; says nothing of the content. */
export function verifyLeafBinding(
  verify: Verify,
  deviceKey: Uint8Array,
  binding: LeafBinding,
): Promise<boolean> {
  return verify(deviceKey, leafMessage(binding), binding.signature);
}

const contentFields = {
  userId: id,
  deviceId: id,
  leafSignatureKey: codec.opaque,
  cipherSuite: codec.u16,
  notBefore: codec.u64,
  notAfter: codec.u64,
};
const contentCodec: Codec<LeafBindingContent> = codec.struct<LeafBindingContent>(contentFields);
export const leafBindingCodec: Codec<LeafBinding> = codec.struct<LeafBinding>({
  ...contentFields,
  signature,
});

function leafMessage(content: LeafBindingContent): Uint8Array {
  return signedContent("Thicket 1.0 leaf", contentCodec, content);
}
