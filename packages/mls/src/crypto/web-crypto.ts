import { MlsError } from "../errors.ts";
import { shortInputs } from "./short-input.ts";

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

/** The platform's WebCrypto. Throws CRYPTO_UNAVAILABLE where there is none (an insecure page). */
export function subtle(): SubtleCrypto {
  found ??= withShortInputs(platformSubtle());
  return found;
}

let found: SubtleCrypto | undefined;

/** The same object as the platform has it, for what SubtleCrypto above doesn't describe. */
export function platformSubtle(): SubtleCrypto {
  const scope: object = globalThis;
  if (!hasSubtle(scope)) throw new MlsError("CRYPTO_UNAVAILABLE", "WebCrypto is not available here");
  return scope.crypto.subtle;
}

/**
 * Script engines keep short byte strings in their own heap, and one that is handed to the platform has to move out
 * first: with three or four of them, half as long again as sealing a message takes. So their bytes go in buffers that
 * are outside already, and are wiped as soon as the call returns: WebCrypto copies its inputs before it does.
 */
function withShortInputs(platform: SubtleCrypto): SubtleCrypto {
  const { data, nonce, aad, clear } = shortInputs();
  const held = ({ name, iv, additionalData }: AeadParameters): AeadParameters => ({
    name,
    iv: nonce(iv),
    additionalData: aad(additionalData),
  });
  const returned = <T>(result: Promise<T>): Promise<T> => {
    clear();
    return result;
  };
  return {
    digest: (algorithm, content) => platform.digest(algorithm, content),
    importKey: (format, key, algorithm, extractable, usages) =>
      returned(platform.importKey(format, data(key), algorithm, extractable, usages)),
    exportKey: (format, key) => platform.exportKey(format, key),
    encrypt: (parameters, key, plaintext) =>
      returned(platform.encrypt(held(parameters), key, data(plaintext))),
    decrypt: (parameters, key, ciphertext) =>
      returned(platform.decrypt(held(parameters), key, data(ciphertext))),
    sign: (algorithm, key, content) => platform.sign(algorithm, key, content),
    verify: (algorithm, key, signature, content) => platform.verify(algorithm, key, data(signature), content),
    deriveBits: (parameters, key, length) => platform.deriveBits(parameters, key, length),
  };
}

function hasSubtle(scope: object): scope is { crypto: { subtle: SubtleCrypto } } {
  const crypto: unknown = Reflect.get(scope, "crypto");
  return typeof crypto === "object" && crypto !== null && Reflect.get(crypto, "subtle") !== undefined;
}
