import type { Entry, EntryKind } from "@thicket/protocol";

/** Milliseconds on the driver's own monotonic clock. */
export type Time = number;
/** SHA-256 of some bytes, base64url: what the history keeps instead of them. */
export type Digest = string;

/** An entry as somebody was given it. The same entry, unchanged, is the same object everywhere in a history. */
export interface SeenEntry {
  readonly groupId: string;
  readonly seq: number;
  readonly epoch: number;
  readonly branch: number;
  readonly kind: EntryKind;
  readonly receivedAt: number;
  readonly digest: Digest;
  readonly commit?: CommitClearFields | undefined;
}

export interface CommitClearFields {
  readonly nextTokenHash: Digest;
  readonly seatsAdded: readonly string[];
  readonly seatsRemoved: readonly string[];
  readonly seatReplaced?: SeatReplaced | undefined;
}

/** On the commit's branch its author's seat goes on under another name. */
export interface SeatReplaced {
  readonly from: string;
  readonly to: string;
}

/** What a request came to: an answer, a definite refusal, or silence, after which both may be true. */
export type Outcome<T> = { kind: "ok"; reply: T } | { kind: "refused"; error: Refusal } | { kind: "unknown" };

/** What the checker reads of a refusal. */
export interface Refusal {
  code: string;
  winner?: number | undefined;
  last?: number | undefined;
  tips?: readonly { branch: number }[] | undefined;
}

interface Asked<Name extends string, Reply> {
  readonly op: Name;
  readonly id: number;
  /** Index of the device that asked. */
  readonly device: number;
  /** Which node it asked. */
  readonly node: number;
  readonly invoked: Time;
  completed: Time;
  outcome: Outcome<Reply>;
}

interface OfSeat {
  readonly groupId: string;
  readonly seatId: string;
}

/** `outdated`: by who has been removed, or for an epoch that is over. `forged`: with a token or header that isn't right. */
export type Intent = "honest" | "outdated" | "forged";

interface Write extends OfSeat {
  readonly entryId: string;
  readonly epoch: number;
  readonly branch: number;
  readonly digest: Digest;
  readonly intent: Intent;
}

interface OfLink extends OfSeat {
  readonly linkId: string;
  readonly epoch: number;
  readonly branch: number;
  readonly intent: Intent;
}

export type Create = Asked<"create", object> & OfSeat;
export type Append = Asked<"append", { seq: number; receivedAt: number }> &
  Write & { readonly kind: Exclude<EntryKind, "commit" | "knock"> };
export type Commit = Asked<"commit", { seq: number; receivedAt: number }> &
  Write &
  CommitClearFields & {
    readonly supersedes?: number | undefined;
    /** Payload of each Welcome, and the devices that it is for. */
    readonly welcomes: readonly { digest: Digest; to: readonly number[] }[];
  };
/** Lets a link lead to the group, or changes its card. */
export type PublishLink = Asked<"publish-link", object> & OfLink & { readonly card: Digest };
export type WithdrawLink = Asked<"withdraw-link", object> & OfLink;
export type OpenLink = Asked<"open-link", { card: Digest }> & { readonly linkId: string };
/** At the door of `groupId`, which is undefined for a link that never led anywhere. */
export type Knock = Asked<"knock", object> & {
  readonly by: "link" | "seat";
  readonly groupId: string | undefined;
  /** The link's id or the seat's. */
  readonly door: string;
  readonly entryId: string;
  readonly digest: Digest;
  readonly intent: Intent;
};
export type Attach = Asked<"attach", { attached: readonly boolean[] }> & {
  readonly seats: readonly (OfSeat & { cursor: number })[];
};
export type Read = Asked<"read", { entries: readonly SeenEntry[]; headSeq: number; lowestSeq: number }> &
  OfSeat & { readonly after: number; readonly limit: number };
export type Acknowledge = Asked<"ack", { ackedSeq: number }> & OfSeat & { readonly seq: number };
/** The seat says that it has taken the commit that began this epoch. */
export type Confirm = Asked<"confirm", object> & OfSeat & { readonly epoch: number; readonly branch: number };
export type Publish = Asked<"publish", { count: number; lastResort: boolean }> & {
  readonly packages: readonly Digest[];
  readonly lastResort: Digest | undefined;
};
export type CountPackages = Asked<"count", { count: number; lastResort: boolean }>;
export type Claim = Asked<
  "claim",
  { packages: readonly { device: number; digest: Digest; lastResort: boolean }[]; missing: readonly number[] }
> & { readonly devices: readonly number[] };
export type ListWelcomes = Asked<"welcomes", { welcomes: readonly { welcomeId: string; digest: Digest }[] }>;
export type AcknowledgeWelcomes = Asked<"ack-welcomes", object> & { readonly welcomeIds: readonly string[] };

export type Operation =
  | Create
  | Append
  | Commit
  | PublishLink
  | WithdrawLink
  | OpenLink
  | Knock
  | Attach
  | Read
  | Acknowledge
  | Confirm
  | Publish
  | CountPackages
  | Claim
  | ListWelcomes
  | AcknowledgeWelcomes;

/** One connection that listens to one group, through one or more of its device's seats. */
export interface Listening {
  readonly device: number;
  readonly connection: number;
  readonly groupId: string;
  /** Every attach that was answered on this connection: the stream owes what is after `cursor`. */
  readonly seats: { seatId: string; cursor: number; headSeq: number }[];
  /** Every seat for which an attach was sent and not refused: what it may read may come. */
  readonly asked: Set<string>;
  /** In the order of coming, repetitions and all. */
  readonly entries: SeenEntry[];
  /** Whether the connection still stands at the end, when all is quiet. */
  live: boolean;
}

/** What a seat could read when all was over. */
export interface FinalView extends OfSeat {
  readonly entries: readonly SeenEntry[];
  /** Entries before it are purged. */
  readonly lowestSeq: number;
  /** The relay doesn't know the seat any more. */
  readonly forgotten?: boolean;
}

/** Everything that clients asked, were answered and were told, from one start to one quiet end. */
export interface History {
  readonly operations: readonly Operation[];
  /** What was published and claimed before: pools of key packages outlast a round. */
  readonly earlierPools: readonly Operation[];
  readonly listenings: readonly Listening[];
  readonly finalViews: readonly FinalView[];
  /** Key packages left at the end, by device, where that was asked. */
  readonly finalCounts: readonly { device: number; count: number }[];
  /** The store itself was killed: it may have said so. */
  readonly storeMayFail: boolean;
}

/** The entry in a history's terms; `intern` makes equal ones the same object. */
export function createInterning(digestOf: (bytes: Uint8Array) => Digest) {
  const known = new Map<string, SeenEntry>();
  return (groupId: string, entry: Entry): SeenEntry => {
    const { seq, epoch, branch, kind, receivedAt, commit } = entry;
    const digest = digestOf(entry.bytes);
    const clear = commit && {
      nextTokenHash: Buffer.from(commit.nextTokenHash).toString("base64url"),
      seatsAdded: commit.seatsAdded,
      seatsRemoved: commit.seatsRemoved,
      ...(commit.seatReplaced && { seatReplaced: commit.seatReplaced }),
    };
    const fields = clear === undefined ? "" : JSON.stringify(clear);
    const key = `${groupId} ${seq} ${epoch} ${branch} ${kind} ${receivedAt} ${digest} ${fields}`;
    let seen = known.get(key);
    if (seen === undefined) {
      seen = { groupId, seq, epoch, branch, kind, receivedAt, digest, commit: clear };
      known.set(key, seen);
    }
    return seen;
  };
}
