import { type Codec, empty, enumeration, opaque, select, struct, u16, u32, u8 } from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import { type Commit, commitCodec } from "../commit.ts";
import { MlsError } from "../errors.ts";
import { type KeyPackage, keyPackageCodec } from "../key-package.ts";
import { type Proposal, proposalCodec } from "../proposal.ts";
import { behindVersion, MLS10 } from "../version.ts";
import { type GroupInfo, groupInfoCodec, type Welcome, welcomeCodec } from "../welcome.ts";

/** RFC 9420 §6. Indexes are leaf indexes, or positions in the external_senders extension. */
export type Sender =
  | { readonly kind: "member"; readonly leafIndex: number }
  | { readonly kind: "external"; readonly senderIndex: number }
  | { readonly kind: "newMemberProposal" }
  | { readonly kind: "newMemberCommit" };

/** Whoever may propose: all but the sender of an external commit (§6.1). */
export type ProposalSender = Exclude<Sender, { readonly kind: "newMemberCommit" }>;

/** Whether the message is of the member at this leaf. */
export function isFromMember(sender: Sender, leafIndex: number): boolean {
  return sender.kind === "member" && sender.leafIndex === leafIndex;
}

export type Content =
  | { readonly kind: "application"; readonly data: Uint8Array }
  | { readonly kind: "proposal"; readonly proposal: Proposal }
  | { readonly kind: "commit"; readonly commit: Commit };

/** What a message to a group holds (RFC 9420 §6). */
export type ContentType = "application" | "proposal" | "commit";

export interface FramedContent {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly sender: Sender;
  readonly authenticatedData: Uint8Array;
  readonly content: Content;
}

/** RFC 9420 §6.1; a commit has a confirmation tag, nothing else has one. */
export interface FramedContentAuthData {
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array | undefined;
}

/** The two wire formats of group messages. */
export type GroupWireFormat = "publicMessage" | "privateMessage";

export interface AuthenticatedContent {
  readonly wireFormat: GroupWireFormat;
  readonly content: FramedContent;
  readonly auth: FramedContentAuthData;
}

/** RFC 9420 §6.2; a member's message has a membership tag, nobody else's has one. */
export interface PublicMessage {
  readonly content: FramedContent;
  readonly auth: FramedContentAuthData;
  readonly membershipTag: Uint8Array | undefined;
}

/** RFC 9420 §6.3 */
export interface PrivateMessage {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly contentType: ContentType;
  readonly authenticatedData: Uint8Array;
  /** Of a message that was read, this and the ciphertext are parts of its bytes, not copies. */
  readonly encryptedSenderData: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** RFC 9420 §6; its version is always mls10. */
export type MlsMessage =
  | { readonly kind: "publicMessage"; readonly publicMessage: PublicMessage }
  | { readonly kind: "privateMessage"; readonly privateMessage: PrivateMessage }
  | { readonly kind: "welcome"; readonly welcome: Welcome }
  | { readonly kind: "groupInfo"; readonly groupInfo: GroupInfo }
  | { readonly kind: "keyPackage"; readonly keyPackage: KeyPackage };

/** Numbers of the MLS Wire Formats registry (§17.2). */
const WIRE_FORMATS = {
  publicMessage: 0x0001,
  privateMessage: 0x0002,
  welcome: 0x0003,
  groupInfo: 0x0004,
  keyPackage: 0x0005,
} as const satisfies Record<MlsMessage["kind"], number>;

const CONTENT_TYPES = { application: 1, proposal: 2, commit: 3 } as const satisfies Record<
  ContentType,
  number
>;

const leafSender = struct({ leafIndex: u32 });
const externalSender = struct({ senderIndex: u32 });

const senderCodec = select<Sender>(u8, {
  member: [1, leafSender],
  external: [2, externalSender],
  newMemberProposal: [3, empty],
  newMemberCommit: [4, empty],
});

export const proposalSenderCodec = select<ProposalSender>(u8, {
  member: [1, leafSender],
  external: [2, externalSender],
  newMemberProposal: [3, empty],
});

export const contentTypeCodec = enumeration<ContentType>(u8, CONTENT_TYPES);

export const groupWireFormatCodec = enumeration<GroupWireFormat>(u16, {
  publicMessage: WIRE_FORMATS.publicMessage,
  privateMessage: WIRE_FORMATS.privateMessage,
});

// What every text goes through is read and written by hand here, without a `struct` or `select` around each field: those
// calls are what a message costs beyond its cryptography.

const proposalBody = struct<{ readonly proposal: Proposal }>({ proposal: proposalCodec });
const commitBody = struct<{ readonly commit: Commit }>({ commit: commitCodec });

const contentCodec: Codec<Content> = {
  write(w, content) {
    contentTypeCodec.write(w, content.kind);
    contentBodyCodec.write(w, content);
  },
  read: (r) => contentBodyCodec.read(r, contentTypeCodec.read(r)),
};

export const framedContentCodec: Codec<FramedContent> = {
  write(w, { groupId, epoch, sender, authenticatedData, content }) {
    w.opaque(groupId);
    w.uint64(epoch);
    senderCodec.write(w, sender);
    w.opaque(authenticatedData);
    contentCodec.write(w, content);
  },
  read: (r) => ({
    groupId: r.opaque(),
    epoch: r.uint64(),
    sender: senderCodec.read(r),
    authenticatedData: r.opaque(),
    content: contentCodec.read(r),
  }),
};

/** FramedContentAuthData, whose shape depends on the content that it goes with. */
export function authDataCodec(contentType: ContentType): Codec<FramedContentAuthData> {
  return contentType === "commit" ? commitAuthData : plainAuthData;
}

const commitAuthData = struct<FramedContentAuthData>({ signature: opaque, confirmationTag: presentOpaque() });
const plainAuthData: Codec<FramedContentAuthData> = {
  write(w, { signature, confirmationTag }) {
    w.opaque(signature);
    absentTag.write(w, confirmationTag);
  },
  read: (r) => ({ signature: r.opaqueInPlace(), confirmationTag: undefined }),
};

export const authenticatedContentCodec: Codec<AuthenticatedContent> = {
  write(w, value) {
    groupWireFormatCodec.write(w, value.wireFormat);
    framedContentCodec.write(w, value.content);
    authDataCodec(value.content.content.kind).write(w, value.auth);
  },
  read(r) {
    const wireFormat = groupWireFormatCodec.read(r);
    const content = framedContentCodec.read(r);
    return { wireFormat, content, auth: authDataCodec(content.content.kind).read(r) };
  },
};

const publicMessageCodec: Codec<PublicMessage> = {
  write(w, value) {
    framedContentCodec.write(w, value.content);
    authDataCodec(value.content.content.kind).write(w, value.auth);
    membershipTagCodec(value.content.sender).write(w, value.membershipTag);
  },
  read(r) {
    const content = framedContentCodec.read(r);
    const auth = authDataCodec(content.content.kind).read(r);
    return { content, auth, membershipTag: membershipTagCodec(content.sender).read(r) };
  },
};

const presentTag = presentOpaque();
const absentTag = absent();

function membershipTagCodec(sender: Sender): Codec<Uint8Array | undefined> {
  return sender.kind === "member" ? presentTag : absentTag;
}

const privateMessageCodec: Codec<PrivateMessage> = {
  write(w, value) {
    w.opaque(value.groupId);
    w.uint64(value.epoch);
    contentTypeCodec.write(w, value.contentType);
    w.opaque(value.authenticatedData);
    w.opaque(value.encryptedSenderData);
    w.opaque(value.ciphertext);
  },
  read: (r) => ({
    groupId: r.opaque(),
    epoch: r.uint64(),
    contentType: contentTypeCodec.read(r),
    authenticatedData: r.opaque(),
    encryptedSenderData: r.opaqueInPlace(),
    ciphertext: r.opaqueInPlace(),
  }),
};

export const mlsMessageCodec = behindVersion(
  select<MlsMessage>(u16, {
    publicMessage: [WIRE_FORMATS.publicMessage, struct({ publicMessage: publicMessageCodec })],
    privateMessage: [WIRE_FORMATS.privateMessage, struct({ privateMessage: privateMessageCodec })],
    welcome: [WIRE_FORMATS.welcome, struct({ welcome: welcomeCodec })],
    groupInfo: [WIRE_FORMATS.groupInfo, struct({ groupInfo: groupInfoCodec })],
    keyPackage: [WIRE_FORMATS.keyPackage, struct({ keyPackage: keyPackageCodec })],
  }),
);

/**
 * A PrivateMessage as an MLSMessage, written as by the codec above, with its ciphertext copied once. Its first fields
 * are the PrivateContentAAD that it was sealed with (§6.3.1).
 */
export function encodePrivateMessage(
  contentAad: Uint8Array,
  encryptedSenderData: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const writer = new Writer();
  writer.uint(MLS10, 2);
  writer.uint(WIRE_FORMATS.privateMessage, 2);
  writer.raw(contentAad);
  writer.opaque(encryptedSenderData);
  return writer.finishWith(ciphertext);
}

/** What stands behind the content type, and first in a PrivateMessageContent (§6, §6.3.1). Text is not copied. */
export const contentBodyCodec = {
  write(w: Parameters<Codec<Content>["write"]>[0], content: Content): void {
    switch (content.kind) {
      case "application":
        return w.opaque(content.data);
      case "proposal":
        return proposalBody.write(w, content);
      case "commit":
        return commitBody.write(w, content);
    }
  },
  read(r: Parameters<Codec<Content>["read"]>[0], kind: ContentType): Content {
    switch (kind) {
      case "application":
        return { kind, data: r.opaqueInPlace() };
      case "proposal":
        return { kind, ...proposalBody.read(r) };
      case "commit":
        return { kind, ...commitBody.read(r) };
    }
  },
};

function presentOpaque(): Codec<Uint8Array | undefined> {
  return {
    write(w, value) {
      if (value === undefined) throw new MlsError("ENCODE_RANGE", "a tag is missing");
      w.opaque(value);
    },
    read: (r) => r.opaque(),
  };
}

function absent(): Codec<Uint8Array | undefined> {
  return {
    write(_w, value) {
      if (value !== undefined) throw new MlsError("ENCODE_RANGE", "a tag where none belongs");
    },
    read: () => undefined,
  };
}
