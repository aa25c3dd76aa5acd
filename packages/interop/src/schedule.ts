/**
 * What a schedule is made of: steps as plain data, with names in place of keys and leaf indexes. A schedule is drawn
 * from a seed alone (draw-schedule.ts), printed when it fails, and carried out by run-schedule.ts.
 */

/** A client's name: "ours-1", "theirs-2". */
export type Name = string;

export type Side = "ours" | "theirs";

export function sideOf(name: Name): Side {
  return name.startsWith("ours-") ? "ours" : "theirs";
}

/** A change to the group. An update is of whoever proposes it. */
export type Change =
  | { readonly kind: "add"; readonly who: Name }
  | { readonly kind: "remove"; readonly who: Name }
  | { readonly kind: "update" };

export type Step =
  | { readonly act: "found"; readonly by: Name }
  | { readonly act: "propose"; readonly by: Name; readonly change: Change; readonly public: boolean }
  | CommitStep
  | { readonly act: "send"; readonly by: Name; readonly text: string }
  /** A text that is under way arrives; `refused` where it comes too late for this reader. */
  | { readonly act: "deliver"; readonly text: string; readonly to: Name; readonly refused: boolean }
  /** A text that was read arrives once more: to be refused. */
  | { readonly act: "replay"; readonly text: string; readonly to: Name }
  /** A text under way arrives damaged: to be refused. */
  | { readonly act: "tamper"; readonly text: string; readonly to: Name; readonly damage: Damage }
  /** The client forgets what it holds in memory and goes on from what it has stored. */
  | { readonly act: "restart"; readonly who: Name };

export interface CommitStep {
  readonly act: "commit";
  readonly by: Name;
  /** Proposals by value, in this order; where there are none and none are pending, the commit is its path alone. */
  readonly changes: readonly Exclude<Change, { kind: "update" }>[];
  /** Which of the epoch's proposals go in by reference: all valid ones, or those with these numbers in order of arrival. */
  readonly take: "all" | readonly number[];
  /** As a PublicMessage; otherwise as the engine pleases. */
  readonly public: boolean;
  /** Without a path where none is required. */
  readonly pathless: boolean;
  /** Somebody who stages a commit at the same time and loses: its commit is to be refused by all afterwards. */
  readonly race?: { readonly by: Name; readonly change: Change };
  /** The commit first arrives damaged at everybody: to be refused. */
  readonly damage?: Damage;
  /** Who is in the group afterwards, sorted. */
  readonly members: readonly Name[];
}

/** What happens to the bytes of a message; `at` says where in its header or body, from 0 to 1. */
export interface Damage {
  readonly kind: DamageKind;
  readonly at: number;
}

export const DAMAGES = ["flip header", "flip body", "cut", "append"] as const;
export type DamageKind = (typeof DAMAGES)[number];

export function damaged(message: Uint8Array, { kind, at }: Damage): Uint8Array {
  const half = message.length / 2;
  switch (kind) {
    case "flip header":
      return flipped(message, Math.floor(at * half));
    case "flip body":
      return flipped(message, Math.floor(half + at * half));
    case "cut":
      return message.slice(0, 1 + Math.floor(at * (message.length - 1)));
    case "append":
      return Uint8Array.of(...message, 0);
  }
}

function flipped(message: Uint8Array, place: number): Uint8Array {
  return message.map((byte, i) => (i === place ? byte ^ 0x10 : byte));
}

/** What an engine, as it is driven here, can do: a schedule keeps within it. */
export interface Traits {
  /** What it can propose for later commits. */
  readonly proposes: readonly Change["kind"][];
  /**
   * "any": any mix by value, by reference, or none. Otherwise one change of these kinds with all that is pending;
   * "pending" is none but that, right after a proposal of somebody else.
   */
  readonly commits: "any" | readonly ("add" | "remove" | "pending")[];
  /** It takes proposals and commits as PublicMessage. */
  readonly takesPublic: boolean;
  /** It commits while its own removal is proposed, and leaves that to others. */
  readonly commitsWhileLeaving: boolean;
  /** It joins a tree whose root is blank and in which some node has unmerged leaves. */
  readonly joinsUnderBlankRoot: boolean;
  /** It leaves out a pending Update that doesn't go with the rest of its commit, while it takes another. */
  readonly settlesUpdates: boolean;
  /** It sends texts while proposals wait for a commit, which RFC 9420 §12.4 leaves to the committers. */
  readonly sendsWhilePending: boolean;
  /** A client of it that was removed can come back under the same identity. */
  readonly comesBack: boolean;
  /** How many epochs back it reads texts. */
  readonly pastEpochs: number;
  /** How many later texts of a sender it may have read before an earlier one. */
  readonly outOfOrder: number;
  /** Which damage it refuses without harm to itself. */
  readonly damages: readonly DamageKind[];
  /** A damaged message doesn't make the true one unreadable. */
  readonly outlivesDamage: boolean;
}

/** A step as one line, for a trace. */
export function describe(step: Step): string {
  return JSON.stringify(step);
}
