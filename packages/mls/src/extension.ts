import { type Codec, opaque, struct, u16, vector } from "./codec/codec.ts";
import { type Credential, credentialCodec } from "./credential.ts";
import { MlsError } from "./errors.ts";

/** Numbers of the MLS Extension Types registry (RFC 9420 §17.3, and last_resort of the extensions draft). */
export const EXTENSION_APPLICATION_ID = 0x0001;
export const EXTENSION_RATCHET_TREE = 0x0002;
export const EXTENSION_REQUIRED_CAPABILITIES = 0x0003;
export const EXTENSION_EXTERNAL_PUB = 0x0004;
export const EXTENSION_EXTERNAL_SENDERS = 0x0005;
export const EXTENSION_LAST_RESORT = 0x000a;

/** Extension types that every client has and that capabilities must not list (§7.2). */
export function isDefaultExtension(type: number): boolean {
  return type >= EXTENSION_APPLICATION_ID && type <= EXTENSION_EXTERNAL_SENDERS;
}

/** The values reserved for GREASE in every registry (§13.5): 0x0A0A, 0x1A1A, ... 0xEAEA. */
export const GREASE_VALUES: readonly number[] = Array.from({ length: 15 }, (_, i) => 0x0a0a + i * 0x1010);

/** A list of capabilities as it counts: GREASE values are listed to be ignored, and supported by nobody (§13.5). */
export function withoutGrease(listed: readonly number[]): readonly number[] {
  return listed.some(isGrease) ? listed.filter((value) => !isGrease(value)) : listed;
}

function isGrease(value: number): boolean {
  return GREASE_VALUES.includes(value);
}

export interface Extension {
  readonly type: number;
  readonly data: Uint8Array;
}

const extensionCodec = struct<Extension>({ type: u16, data: opaque });

const extensionListCodec = vector(extensionCodec);

/** `Extension extensions<V>`; two of one type are refused (§13.4), and not written either: nobody could read them. */
export const extensionsCodec: Codec<readonly Extension[]> = {
  write(w, extensions) {
    checkExtensionTypes(extensions);
    extensionListCodec.write(w, extensions);
  },
  read(r) {
    const extensions = extensionListCodec.read(r);
    checkExtensionTypes(extensions);
    return extensions;
  },
};

/** Throws EXTENSION_DUPLICATE where two are of one type (§13.4). */
function checkExtensionTypes(extensions: readonly Extension[]): void {
  if (extensions.length < 2) return;
  const types = new Set(extensions.map((extension) => extension.type));
  if (types.size !== extensions.length) {
    throw new MlsError("EXTENSION_DUPLICATE", "two extensions of one type", { section: "§13.4" });
  }
}

/** The data of the extension of this type, if it is in the list. */
export function findExtension(extensions: readonly Extension[], type: number): Uint8Array | undefined {
  return extensions.find((extension) => extension.type === type)?.data;
}

/** The required_capabilities extension of the GroupContext (§11.1). */
export interface RequiredCapabilities {
  readonly extensions: readonly number[];
  readonly proposals: readonly number[];
  readonly credentials: readonly number[];
}

/** The data of a required_capabilities extension. */
export const requiredCapabilitiesCodec = struct<RequiredCapabilities>({
  extensions: vector(u16),
  proposals: vector(u16),
  credentials: vector(u16),
});

/** One entry of the external_senders extension (§12.1.8.1). */
export interface ExternalSender {
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
}

/** The data of an external_senders extension. */
export const externalSendersCodec = vector(
  struct<ExternalSender>({ signatureKey: opaque, credential: credentialCodec }),
);
