import { MlsError } from "../errors.ts";

/**
 * The part of WebCrypto that the engine uses, described here because this package is compiled without the types of
 * a browser or of Node. A browser's CryptoKey is assignable to this one.
 */
export interface CryptoKey {
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** The bytes of a signature scheme's private key (a seed for Ed25519), or a CryptoKey that may be non-extractable. */
export type SignaturePrivateKey = Uint8Array | CryptoKey;

interface AeadParameters {
  readonly name: string;
  readonly iv: Uint8Array;
  readonly additionalData: Uint8Array;
}

type KeyAlgorithm = string | { readonly name: string; readonly namedCurve: string };
type SignatureAlgorithm = string | { readonly name: string; readonly hash: string };

export interface SubtleCrypto {
  digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer>;
  importKey(
    format: string,
    data: Uint8Array,
    algorithm: KeyAlgorithm,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey>;
  exportKey(format: "jwk", key: CryptoKey): Promise<{ readonly x?: string; readonly y?: string }>;
  encrypt(parameters: AeadParameters, key: CryptoKey, data: Uint8Array): Promise<ArrayBuffer>;
  decrypt(parameters: AeadParameters, key: CryptoKey, data: Uint8Array): Promise<ArrayBuffer>;
  sign(algorithm: SignatureAlgorithm, key: CryptoKey, data: Uint8Array): Promise<ArrayBuffer>;
  verify(
    algorithm: SignatureAlgorithm,
    key: CryptoKey,
    signature: Uint8Array,
    data: Uint8Array,
  ): Promise<boolean>;
  deriveBits(
    parameters: { readonly name: string; readonly public: CryptoKey },
    key: CryptoKey,
    length: number,
  ): Promise<ArrayBuffer>;
}

/** The platform's SubtleCrypto. Throws CRYPTO_UNAVAILABLE where there is none (an insecure page). */
export function subtle(): SubtleCrypto {
  found ??= findSubtle();
  return found;
}

let found: SubtleCrypto | undefined;

function findSubtle(): SubtleCrypto {
  const scope: object = globalThis;
  if (!hasSubtle(scope)) throw new MlsError("CRYPTO_UNAVAILABLE", "WebCrypto is not available here");
  return scope.crypto.subtle;
}

function hasSubtle(scope: object): scope is { crypto: { subtle: SubtleCrypto } } {
  const crypto: unknown = Reflect.get(scope, "crypto");
  return typeof crypto === "object" && crypto !== null && Reflect.get(crypto, "subtle") !== undefined;
}
