/** A message as draft-ietf-mimi-content describes it: how it relates to others, and its body. */
export interface MimiContent {
  /** 16 random bytes. */
  salt: Uint8Array;
  /** Message id (32 bytes) of the message that this one replaces: an edit or a deletion. */
  replaces: Uint8Array | undefined;
  /** Empty where the message belongs to no topic; at most 4096 bytes. */
  topicId: Uint8Array;
  expires: Expiration | undefined;
  /** Message id (32 bytes) of the message that this one answers or reacts to. */
  inReplyTo: Uint8Array | undefined;
  extensions: Extensions;
  body: NestedPart;
}

export interface Expiration {
  /** True: `time` counts from when the message was read. False: from 1970 UTC. */
  relative: boolean;
  /** Seconds, 32 bits. */
  time: number;
}

export interface Extensions {
  /** Extension 1. */
  senderUri: string | undefined;
  /** Extension 2. */
  roomUri: string | undefined;
  /** All others by key, each as its encoded CBOR value, so that it goes back out byte for byte. */
  others: ReadonlyMap<number | string, Uint8Array>;
}

/** The registry's numbers for what a part is meant for; 9 to 255 are unknown here and count as `render`. */
export const DISPOSITION = {
  unspecified: 0,
  render: 1,
  reaction: 2,
  profile: 3,
  inline: 4,
  icon: 5,
  attachment: 6,
  session: 7,
  preview: 8,
} as const;

export type NestedPart = {
  /** 0 to 255, see {@link DISPOSITION}. */
  disposition: number;
  /** RFC 5646 tags separated by commas, or empty. */
  language: string;
} & (NullPart | SinglePart | ExternalPart | MultiPart);

export interface NullPart {
  kind: "null";
}

export interface SinglePart {
  kind: "single";
  contentType: string;
  content: Uint8Array;
}

export interface ExternalPart {
  kind: "external";
  contentType: string;
  url: string;
  /** Seconds since 1970 UTC, or 0 for never. */
  expires: number;
  /** Octets, or 0 where unknown; 64 bits. */
  size: bigint;
  /** IANA AEAD number, or 0 for none. */
  encAlg: number;
  key: Uint8Array;
  nonce: Uint8Array;
  aad: Uint8Array;
  /** IANA Named Information hash number, or 0 for none. */
  hashAlg: number;
  contentHash: Uint8Array;
  description: string;
  filename: string;
}

/** In the order of their numbers: 0, 1, 2. */
export const PART_SEMANTICS = ["chooseOne", "singleUnit", "processAll"] as const;

export interface MultiPart {
  kind: "multi";
  semantics: (typeof PART_SEMANTICS)[number];
  /** Two or more. */
  parts: NestedPart[];
}
