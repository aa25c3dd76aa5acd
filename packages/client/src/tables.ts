/**
 * The rows that the client keeps: table -> what a row holds, with the parts of its key. Rows hold plain data and
 * Uint8Array only. Tables whose rows hold private keys or plaintext say so, for whoever seals them.
 */
import type {
  Membership,
  ConversationId,
  MessageBody,
  Position,
  TimelineEvent,
  ClientError,
  CommandId,
  CommandReply,
} from "./api.ts";
import type { AccountId, CommitFields, DeviceId, EntryId, GroupId, Handle, SeatId } from "@thicket/protocol";

export interface Schema {
  /** ["self"]. Private keys. */
  account: AccountRow;
  /** [userId]. */
  contacts: ContactRow;
  /** [key package reference in hexadecimal]. Private keys. */
  keyPackages: KeyPackageRow;
  /** [groupId]. Written when the epoch or the membership changes, never for a message. The seat's token is secret. */
  groups: GroupRow;
  /** [groupId]. Written for every entry that was taken in. */
  cursors: CursorRow;
  /** [groupId, record name]: the part of the MLS state that holds no secrets (tree, context, proposals). */
  groupPublic: Uint8Array;
  /** [groupId, record name]: epoch secrets, ratchets, private keys. */
  groupSecrets: Uint8Array;
  /** [groupId, epoch, record name]: what still opens late messages of an earlier epoch. Secrets. */
  pastEpochs: Uint8Array;
  /** [groupId]: the own commit that the relay has not decided about. Secrets of the next epoch. */
  stagedCommits: StagedCommitRow;
  /** [groupId, order]: acts that change a group, until they are done. */
  intents: IntentRow;
  /** [groupId, order]: own messages and proposals, until their place in the log has been reached. Plaintext. */
  outbox: OutboxRow;
  /** [conversationId]. Plaintext (the draft). */
  conversations: ConversationRow;
  /** [conversationId, position, item id]: what was said and what changed, in the order that all see. Plaintext. */
  timeline: TimelineRow;
  /** [conversationId, item id]: where in the timeline an item stands. */
  timelineIds: TimelineIdRow;
  /** [commandId]: commands that were carried out, so that a repeated one is answered and not done twice. */
  acts: ActRow;
}
export type Table = keyof Schema;

/** Every table, for stores that create them. */
export const TABLES = [
  "account",
  "contacts",
  "keyPackages",
  "groups",
  "cursors",
  "groupPublic",
  "groupSecrets",
  "pastEpochs",
  "stagedCommits",
  "intents",
  "outbox",
  "conversations",
  "timeline",
  "timelineIds",
  "acts",
] as const satisfies readonly Table[];

export interface AccountRow {
  /** `registering` from the moment the keys exist; the AS may or may not know them. */
  state: "registering" | "signedUp";
  userId: AccountId;
  deviceId: DeviceId;
  handle: Handle;
  host: string;
  /** Ed25519 seed and public key, 32 bytes each. */
  rootPrivateKey: Uint8Array;
  rootPublicKey: Uint8Array;
  devicePrivateKey: Uint8Array;
  devicePublicKey: Uint8Array;
  deviceCertificate: Uint8Array;
  /** From the AS once registered. */
  attestation?: Uint8Array;
  /** The AS keys that stood in the greeting when the account was made, newest first. */
  asKeys: AsKeyRow[];
}

export interface AsKeyRow {
  keyId: Uint8Array;
  publicKey: Uint8Array;
}

export interface ContactRow {
  userId: AccountId;
  handle: Handle;
  /** The root key that was seen first: pinned. */
  rootKey: Uint8Array;
  /** A different root key that was seen later: blocks sending and adding until somebody has looked. */
  changedRootKey?: Uint8Array;
}

export interface KeyPackageRow {
  suite: number;
  /** The key package as an encoded MLSMessage. */
  message: Uint8Array;
  initPrivateKey: Uint8Array;
  encryptionPrivateKey: Uint8Array;
  /** Ed25519 seed of the leaf key. */
  signaturePrivateKey: Uint8Array;
  signaturePublicKey: Uint8Array;
  lastResort: boolean;
  /** Seconds since 1970 UTC, after which nobody may use it. */
  notAfter: number;
}

export interface RosterEntry {
  leaf: number;
  userId: AccountId;
  deviceId: DeviceId;
  handle: Handle;
  seatId: SeatId;
  /** The seq of the commit that added it (0 for the founder). */
  since: number;
  /** Nothing of this device has been seen yet. */
  invited: boolean;
}

export interface GroupRow {
  groupId: GroupId;
  conversationId: ConversationId;
  kind: "direct" | "group";
  membership: Membership;
  /** False until the relay has the group. */
  created: boolean;
  /** False until the relay has let the own seat in once; from then on only the seat's token counts. */
  seated: boolean;
  seatId: SeatId;
  /** 32 random bytes. */
  seatToken: Uint8Array;
  epoch: number;
  /** The seq of the commit that began the epoch. */
  branch: number;
  /** Lower-case hexadecimal. */
  epochAuthenticator: string;
  /** Shown to the relay with every write in this epoch. */
  epochToken: Uint8Array;
  /** Epochs that have ended, newest first, and the seq of the commit that ended each. */
  ended: { epoch: number; endedBy: number }[];
  host: string;
  title: string | undefined;
  /** Who has an admin's rights. */
  admins: AccountId[];
  /** Who has asked to leave in this epoch. */
  leaving: AccountId[];
  mayAdd: "admins" | "all";
  roster: RosterEntry[];
  /** While `joining` a group that had ended here: what it was, for a Welcome that the relay knows nothing of. */
  replaced?: { row: GroupRow; cursor: CursorRow };
}

export interface CursorRow {
  /** The last seq that was taken in. */
  seq: number;
  /** The highest seq that all current seats are known to have acknowledged. */
  acked: number;
}

export interface StagedCommitRow {
  entryId: EntryId;
  epoch: number;
  branch: number;
  epochToken: Uint8Array;
  /** The MLSMessage, and its SHA-256 in hexadecimal. */
  bytes: Uint8Array;
  hash: string;
  fields: CommitFields;
  welcomes: {
    bytes: Uint8Array;
    to: { userId: AccountId; deviceId: DeviceId; keyPackageRef: Uint8Array }[];
  }[];
  /** The next epoch, as the difference of its records to those of this one. */
  next: { put: [string, Uint8Array][]; gone: string[] };
  /** The timeline's lines for it. */
  lines: { author: AccountId; event: TimelineEvent }[];
  /** Order of the intent that it carries out; none where it only takes along what others have proposed. */
  intent?: number;
}

/** A person to be added, as looked up when the act was asked for. */
export interface Invitee {
  userId: AccountId;
  handle: Handle;
  devices: DeviceId[];
}

export type IntentAct =
  | { type: "invite"; invitees: Invitee[]; claimed: ClaimedKeyPackage[] }
  | { type: "remove"; userId: AccountId }
  | { type: "rename"; title: string }
  | { type: "setAdmin"; userId: AccountId; admin: boolean }
  | { type: "leave" };

/** Kept with the intent, so that another try needs no other key package. */
export interface ClaimedKeyPackage {
  userId: AccountId;
  deviceId: DeviceId;
  keyPackage: Uint8Array;
}

export interface IntentRow {
  commandId: CommandId;
  at: number;
  groupId: GroupId;
  /** Acts and messages of a group are done in this order. */
  order: number;
  act: IntentAct;
  /** Epochs lost, or requests for key packages that brought none, so far. */
  tries: number;
  /** Not to be tried again before this time (ms). */
  retryAt?: number;
  error?: ClientError;
}

export interface OutboxRow {
  groupId: GroupId;
  order: number;
  /** When it was asked for (ms). */
  at: number;
  entryId: EntryId;
  kind: "application" | "proposal";
  /** The message's timeline item. */
  itemId?: string;
  /** What is encrypted; a proposal has none, since it is made with its ciphertext. */
  content?: Uint8Array;
  /** Absent while it waits to be encrypted. */
  sealed?: SealedEntry;
  /** Refused for good: waits for the person's word. */
  failed?: ClientError;
}

export interface SealedEntry {
  bytes: Uint8Array;
  /** SHA-256 of the bytes in hexadecimal. */
  hash: string;
  epoch: number;
  branch: number;
  epochToken: Uint8Array;
  /** Set once the relay has acknowledged it; it stays until its place in the log is reached. */
  seq?: number;
}

export interface ConversationRow {
  conversationId: ConversationId;
  kind: "direct" | "group";
  groupIds: GroupId[];
  draft: string;
  unread: number;
  readUpTo: Position | undefined;
  lastItem: TimelineRow | undefined;
}

export interface TimelineRow {
  id: string;
  position: Position;
  at: number;
  author: AccountId;
  groupId: GroupId;
  /** 0 while the relay hasn't accepted it. */
  seq: number;
  content:
    | {
        kind: "message";
        own: boolean;
        body: MessageBody;
        /** Of own messages; `delivered` follows from the group's acknowledged seq. */
        delivery?: { state: "sending" } | { state: "sent" } | { state: "failed"; error: ClientError };
        /** Message id of draft-ietf-mimi-content, hexadecimal. */
        mimiId?: string;
      }
    | { kind: "event"; event: TimelineEvent };
}

export interface TimelineIdRow {
  position: Position;
  mimiId?: string;
}

export interface ActRow {
  at: number;
  reply: CommandReply;
}
