/**
 * What a screen may ask of the client and what it is told: types only.
 * A screen sends commands, receives events, and folds them into a View with `applyEvent`.
 */
import type { AccountId, DeviceId, GroupId, Handle, Registration } from "@thicket/protocol";

/** 16 random bytes in lower-case hexadecimal, minted by whoever asks: one act, however often it is repeated. */
export type CommandId = string;

/**
 * A conversation as people see it. For a group it is the group id; for a 1:1 chat the peer's account id,
 * so that two groups founded at once for the same pair are one conversation.
 */
export type ConversationId = string;

/** Every command carries its own id and the time of the act (ms), so that a retry after a crash or a change of leader repeats the same act. */
export type Command = { commandId: CommandId; at: number } &
  /** `invite` where the server asks for one. */
  (
    | { type: "signUp"; handle: string; invite?: string }
    | { type: "checkHandle"; handle: string }
    /** Who may sign up at this server: the reply says. */
    | { type: "checkRegistration" }
    /** One handle and no title: a 1:1 chat (an existing one is opened instead). Else a group. `groupId` is minted by the caller. */
    | { type: "startConversation"; groupId: GroupId; title: string | undefined; handles: string[] }
    | { type: "inviteMembers"; conversationId: ConversationId; handles: string[] }
    | { type: "removeMember"; conversationId: ConversationId; userId: AccountId }
    | { type: "renameConversation"; conversationId: ConversationId; title: string }
    | { type: "setAdmin"; conversationId: ConversationId; userId: AccountId; admin: boolean }
    | { type: "leaveConversation"; conversationId: ConversationId }
    /** Removes the local history of a conversation that one is no longer a member of. */
    | { type: "forgetConversation"; conversationId: ConversationId }
    /** The message's id is the command's id. */
    | { type: "sendMessage"; conversationId: ConversationId; text: string }
    | { type: "retryMessage"; conversationId: ConversationId; messageId: string }
    | { type: "discardMessage"; conversationId: ConversationId; messageId: string }
    | { type: "saveDraft"; conversationId: ConversationId; text: string }
    | { type: "markRead"; conversationId: ConversationId; position: Position }
    /** Items before `before` (or the newest) arrive as the command's reply, oldest first. */
    | { type: "loadTimeline"; conversationId: ConversationId; before: Position | undefined; limit: number }
  );
export type CommandOf<T extends Command["type"]> = Extract<Command, { type: T }>;

export type CommandReply =
  | {
      ok: true;
      conversationId?: ConversationId;
      timeline?: { items: TimelineItem[]; reachedStart: boolean };
      registration?: Registration;
    }
  | { ok: false; error: ClientError };

/** Sorts as text into the one order that all members see; what is not yet accepted by the relay sorts last. Opaque otherwise. */
export type Position = string;

/** Where an own message stands. `delivered` is the server's word: all current members' devices have acknowledged it. */
export type MessageDelivery =
  | { state: "sending" }
  | { state: "sent" }
  | { state: "delivered" }
  | { state: "failed"; error: ClientError };

export type MessageBody =
  | { type: "text"; text: string }
  /** Content that this version can't show: says so, never hides. */
  | { type: "unsupported"; mediaType: string }
  | { type: "unreadable"; reason: string };

/** Something that changed in the conversation, shown as a line of its own. */
export type TimelineEvent =
  | { type: "created" }
  | { type: "joined" }
  | { type: "added"; userId: AccountId }
  | { type: "removed"; userId: AccountId }
  | { type: "left"; userId: AccountId }
  | { type: "renamed"; title: string }
  | { type: "adminChanged"; userId: AccountId; admin: boolean }
  /** A commit or message that breaks the rules: who sent it and why it was refused. */
  | { type: "refused"; reason: string };

export type TimelineItem = {
  id: string;
  position: Position;
  /** The sender's time, bounded by the relay's (ms). */
  at: number;
  /** 32 zeros where something couldn't be opened, and so has no author that one could know. */
  author: AccountId;
} & (
  | { kind: "message"; own: boolean; body: MessageBody; delivery?: MessageDelivery }
  | { kind: "event"; event: TimelineEvent }
);

export interface Person {
  userId: AccountId;
  handle: Handle;
}

export interface MemberView {
  userId: AccountId;
  devices: DeviceId[];
  admin: boolean;
  /**
   * Added, but nothing of theirs has been seen yet (FUN-5): no message, proposal or commit of theirs, and the relay
   * hasn't said that all current devices have acknowledged anything that came after they were added.
   */
  invited: boolean;
  /** Asked to leave; a remaining member's client will commit it. */
  leaving: boolean;
}

export type Membership =
  | { state: "founding" }
  | { state: "joining" }
  | { state: "member" }
  | { state: "leaving" }
  | { state: "left" }
  | { state: "removed"; by: AccountId }
  /** The group can't go on on this device: says why (a commit that is bad for all, state that can't be read). */
  | { state: "broken"; error: ClientError };

export interface ConversationView {
  conversationId: ConversationId;
  kind: "direct" | "group";
  /** Undefined for a 1:1 chat and for a group without a title: the screen shows the names. */
  title: string | undefined;
  membership: Membership;
  members: MemberView[];
  /** What this device may do by the group's policy. */
  may: { add: boolean; remove: boolean; rename: boolean; send: boolean; setAdmin: boolean };
  /** Acts still under way, e.g. an invitation being retried in the next epoch. */
  pending: {
    commandId: CommandId;
    type: "invite" | "remove" | "rename" | "setAdmin" | "leave";
    error?: ClientError;
  }[];
  draft: string;
  unread: number;
  readUpTo: Position | undefined;
  lastItem: TimelineItem | undefined;
  /** MLS epoch and epoch_authenticator (lower-case hexadecimal): equal for all members who agree. */
  epoch: number;
  epochAuthenticator: string;
}

export type ConnectionView =
  | { state: "connecting" }
  | { state: "online" }
  | { state: "offline"; since: number }
  | { state: "refused"; error: ClientError };

export interface AccountView {
  userId: AccountId;
  deviceId: DeviceId;
  handle: Handle;
  host: string;
}

/** `loading` until the store has been read; `none` before sign-up. */
export type AccountState =
  | { state: "loading" }
  | { state: "none" }
  | { state: "signedUp"; account: AccountView };

export interface View {
  account: AccountState;
  connection: ConnectionView;
  /** True once what waited at the relay has been taken in since the last connection. */
  caughtUp: boolean;
  people: Record<AccountId, Person>;
  conversations: Record<ConversationId, ConversationView>;
  /** Loaded windows only, sorted by position, each contiguous up to the newest item. A client's snapshot holds at most the newest 200. */
  timelines: Record<ConversationId, TimelineItem[]>;
  /** Something that needs to be said and belongs to no command, newest last. */
  problems: ClientError[];
}

export type ClientEvent =
  | { type: "account"; account: AccountState }
  | { type: "connection"; connection: ConnectionView }
  | { type: "caughtUp"; caughtUp: boolean }
  | { type: "people"; people: Person[] }
  | { type: "conversation"; conversation: ConversationView }
  | { type: "conversationForgotten"; conversationId: ConversationId }
  /** Upserts by id, and ids that are gone. */
  | { type: "timeline"; conversationId: ConversationId; items: TimelineItem[]; removed: string[] }
  | { type: "problem"; error: ClientError };

/**
 * Closed list of what can go wrong for a person. Codes are stable; the sentence is the screen's.
 * `subject` names what it is about (a handle, a number of bytes allowed), never a secret.
 */
export const CLIENT_ERROR_CODES = [
  "HANDLE_UNKNOWN",
  "HANDLE_TAKEN",
  "HANDLE_MALFORMED",
  "HANDLE_OWN",
  "REGISTRATION_CLOSED",
  "INVITE_REFUSED",
  "ALREADY_MEMBER",
  "NO_KEY_PACKAGE",
  "KEY_PACKAGE_REFUSED",
  "IDENTITY_CHANGED",
  "MESSAGE_EMPTY",
  "MESSAGE_TOO_LARGE",
  "TITLE_TOO_LONG",
  "NOT_MEMBER",
  "NOT_ALLOWED",
  "LAST_ADMIN",
  "CONVERSATION_UNKNOWN",
  "OFFLINE",
  "RELAY_REFUSED",
  "WIRE_VERSION_UNSUPPORTED",
  "LOGIN_REFUSED",
  "RATE_LIMITED",
  "SERVER_FAILED",
  "EPOCH_LOST",
  "COMMIT_BAD",
  "MESSAGE_BAD",
  "WELCOME_BAD",
  "STORE_UNAVAILABLE",
  "STORE_UNREADABLE",
  "STORE_QUOTA",
  "STORE_FENCED",
  "STORE_NEWER",
  "INTERNAL",
] as const;
export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];
export interface ClientError {
  code: ClientErrorCode;
  subject?: string;
}
