import { type Codec, decode, encode, opaque, u16, vector } from "./codec/codec.ts";

/** Numbers of the MLS Credential Types registry (RFC 9420 §17.5). */
export const CREDENTIAL_BASIC = 0x0001;
export const CREDENTIAL_X509 = 0x0002;

/**
 * A credential (RFC 9420 §5.3). Types other than the RFC's own carry one `opaque body<V>`: so a member with a type
 * unknown here still decodes, and goes back out byte for byte.
 */
export type Credential =
  | { readonly kind: "basic"; readonly identity: Uint8Array }
  | { readonly kind: "x509"; readonly certificates: readonly Uint8Array[] }
  | { readonly kind: "other"; readonly type: number; readonly body: Uint8Array };

/** The credential's number in the registry. */
export function credentialType(credential: Credential): number {
  switch (credential.kind) {
    case "basic":
      return CREDENTIAL_BASIC;
    case "x509":
      return CREDENTIAL_X509;
    case "other":
      return credential.type;
  }
}

const certificates = vector(opaque);

/** Credential of RFC 9420 §5.3; of types without a name here, the body is carried as it is. */
export const credentialCodec: Codec<Credential> = {
  write(w, credential) {
    u16.write(w, credentialType(credential));
    switch (credential.kind) {
      case "basic":
        return opaque.write(w, credential.identity);
      case "x509":
        return certificates.write(w, credential.certificates);
      case "other":
        return opaque.write(w, credential.body);
    }
  },
  read(r) {
    const type = u16.read(r);
    if (type === CREDENTIAL_BASIC) return { kind: "basic", identity: opaque.read(r) };
    if (type === CREDENTIAL_X509) return { kind: "x509", certificates: certificates.read(r) };
    return { kind: "other", type, body: opaque.read(r) };
  },
};

/** The encoded Credential. */
export const encodeCredential = (credential: Credential): Uint8Array => encode(credentialCodec, credential);
/** Throws MlsError DECODE_. */
export const decodeCredential = (bytes: Uint8Array): Credential => decode(credentialCodec, bytes);
