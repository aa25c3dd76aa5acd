import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import {
  appDataDictionary,
  COMPONENT_APP_COMPONENTS,
  COMPONENT_CONTENT_MEDIA_TYPES,
  type ComponentData,
  componentsListCodec,
  findComponent,
} from "./app-components.ts";
import { checked, type Codec, decode, encode, opaque, struct, vector } from "./codec/codec.ts";
import { MlsError } from "./errors.ts";
import type { Extension } from "./extension.ts";

/** A media type of the IANA registry with its parameters (draft-ietf-mls-extensions, "Content Advertisement"). */
export interface MediaType {
  /** Top-level type, "/" and subtype, as in `text/plain`. */
  readonly type: string;
  readonly parameters: readonly MediaTypeParameter[];
}

export interface MediaTypeParameter {
  readonly name: string;
  /** Without the quotation marks and escapes of a quoted string. */
  readonly value: Uint8Array;
}

/** Text whose form the patterns below hold to ASCII. */
const ascii: Codec<string> = {
  write: (w, text) => opaque.write(w, utf8ToBytes(text)),
  read(r) {
    const bytes = opaque.read(r);
    // RFC 6838 §4.2 allows 127 characters on either side of the "/".
    if (bytes.length > 255) throw new MlsError("DECODE_VALUE", "a media type that is too long");
    return String.fromCharCode(...bytes);
  },
};

/** RFC 6838 §4.2 */
const TYPE = /^[0-9A-Za-z][\w!#$&.+^-]{0,126}\/[0-9A-Za-z][\w!#$&.+^-]{0,126}$/;
/** A token of RFC 2045 §5.1. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

const anyMediaTypeCodec: Codec<MediaType> = struct<MediaType>({
  type: ascii,
  parameters: vector(
    checked(struct<MediaTypeParameter>({ name: ascii, value: opaque }), ({ name }) => {
      if (!TOKEN.test(name)) throw new MlsError("DECODE_VALUE", "a parameter without a proper name");
    }),
  ),
});

const mediaTypeCodec = checked(anyMediaTypeCodec, ({ type }) => {
  if (!TYPE.test(type)) throw new MlsError("DECODE_VALUE", "a media type without type and subtype");
});

/** MediaTypeList: what a leaf accepts, or what a GroupContext requires; never empty. */
export const mediaTypeListCodec: Codec<readonly MediaType[]> = checked(vector(mediaTypeCodec), (types) => {
  if (types.length === 0) throw new MlsError("DECODE_VALUE", "an empty list of media types");
});

/** The media types in the dictionary of a leaf or a GroupContext; none where there are none. Throws MlsError DECODE_. */
export function mediaTypesIn(extensions: readonly Extension[]): readonly MediaType[] {
  const data = findComponent(extensions, COMPONENT_CONTENT_MEDIA_TYPES);
  return data === undefined ? [] : decode(mediaTypeListCodec, data);
}

/**
 * The leaf extension with which a client says what it accepts; `capabilities.extensions` has to list its type. `others`
 * are further components, each of which is listed as supported. Throws DECODE_VALUE for what is no media type.
 */
export function advertiseMediaTypes(
  accepted: readonly MediaType[],
  others: readonly ComponentData[] = [],
): Extension {
  const ids = [
    COMPONENT_APP_COMPONENTS,
    COMPONENT_CONTENT_MEDIA_TYPES,
    ...others.map((one) => one.componentId),
  ];
  const supported = encode(componentsListCodec, ids);
  return appDataDictionary([
    { componentId: COMPONENT_APP_COMPONENTS, data: supported },
    mediaTypesComponent(accepted),
    ...others,
  ]);
}

/**
 * The GroupContext extension that requires these media types of all members; the first is the default one. Throws
 * DECODE_VALUE for what is no media type.
 */
export function requireMediaTypes(
  required: readonly MediaType[],
  others: readonly ComponentData[] = [],
): Extension {
  return appDataDictionary([mediaTypesComponent(required), ...others]);
}

function mediaTypesComponent(types: readonly MediaType[]): ComponentData {
  const data = encode(mediaTypeListCodec, types);
  decode(mediaTypeListCodec, data);
  return { componentId: COMPONENT_CONTENT_MEDIA_TYPES, data };
}

/**
 * A name that two media types share exactly if they are the same: types and parameter names compare without regard to
 * case, parameters without regard to order, values byte for byte.
 */
export function mediaTypeKey({ type, parameters }: MediaType): string {
  const named = parameters.map(({ name, value }) => `${name.toLowerCase()}=${bytesToHex(value)}`);
  return [type.toLowerCase(), ...named.toSorted()].join(";");
}

/** ApplicationFraming: application data of a group whose context requires media types. */
export interface FramedApplicationData {
  readonly mediaType: MediaType;
  readonly content: Uint8Array;
}

const framingCodec = struct<FramedApplicationData>({
  mediaType: checked(anyMediaTypeCodec, ({ type }) => {
    if (type !== "" && !TYPE.test(type)) {
      throw new MlsError("DECODE_VALUE", "a media type without type and subtype");
    }
  }),
  content: opaque,
});

const DEFAULT_TYPE: MediaType = { type: "", parameters: [] };

/**
 * ApplicationFraming around some content; without a media type it is the group's default one. Throws DECODE_VALUE for
 * what is no media type.
 */
export function frameApplicationData(content: Uint8Array, mediaType: MediaType = DEFAULT_TYPE): Uint8Array {
  const framed = encode(framingCodec, { mediaType, content });
  decode(framingCodec, framed);
  return framed;
}

/**
 * Reads application data of a group with these context extensions, whose content_media_types component says that it is
 * framed and what the default media type is. Throws MlsError DECODE_; CONTENT_UNEXPECTED where the group has no framing.
 */
export function readApplicationData(
  data: Uint8Array,
  contextExtensions: readonly Extension[],
): FramedApplicationData {
  const [first] = mediaTypesIn(contextExtensions);
  if (first === undefined) {
    throw new MlsError("CONTENT_UNEXPECTED", "the group's application data isn't framed by media type");
  }
  const { mediaType, content } = decode(framingCodec, data);
  return { mediaType: mediaType.type === "" ? first : mediaType, content };
}
