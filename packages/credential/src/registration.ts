import { type Codec, codec } from "@thicket/mls/public";
import { type Signer, type Verify, ascii, id, publicKey, signedContent } from "./signed-content.ts";

/** What a new user's root key signs: I want this handle, and this is my first device. */
export interface Registration {
  /** The normalised spelling (`normaliseHandle` of the wire), not what was typed. */
  handle: string;
  /** 16 bytes. */
  userId: Uint8Array;
  /** Ed25519, 32 bytes. */
  rootKey: Uint8Array;
  /** As encoded. */
  deviceCertificate: Uint8Array;
  /** 32 bytes from the AS's `hello`: no proof serves twice. */
  nonce: Uint8Array;
}

/** Signs with the root key: the proof of `account.register`. */
export function signRegistration(sign: Signer, registration: Registration): Promise<Uint8Array> {
  return sign(registrationMessage(registration));
}

/** Whether the root key that the registration names made the proof. */
export function verifyRegistration(
  verify: Verify,
  registration: Registration,
  proof: Uint8Array,
): Promise<boolean> {
  return verify(registration.rootKey, registrationMessage(registration), proof);
}

const registrationCodec: Codec<Registration> = codec.struct<Registration>({
  handle: ascii,
  userId: id,
  rootKey: publicKey,
  deviceCertificate: codec.opaque,
  nonce: codec.fixed(32),
});

function registrationMessage(registration: Registration): Uint8Array {
  return signedContent("Thicket 1.0 registration", registrationCodec, registration);
}
