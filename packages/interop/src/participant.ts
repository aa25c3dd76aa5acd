import type { Name } from "./schedule.ts";

/** An engine's No, in its own words. Anything else that is thrown is a crash, and never expected. */
export class Refusal extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "Refusal";
  }
}

/** A client of one engine, as the runner sees it. All messages are encoded MLSMessages. */
export interface Participant {
  readonly name: Name;
  /** A fresh key package. */
  keyPackage(): Promise<Uint8Array>;
  /** Starts a group of one, under GROUP_ID where the engine doesn't choose an id itself. */
  found(): Promise<void>;
  join(invitation: Invitation): Promise<void>;
  propose(change: Wanted, asPublic: boolean): Promise<Uint8Array>;
  /** Works out a commit; merge or drop says what becomes of it. */
  stage(intent: Intent): Promise<Staged>;
  /** Enters the epoch of the commit staged last. */
  merge(): Promise<void>;
  /** Forgets the commit staged last. */
  drop(): Promise<void>;
  send(text: string): Promise<Uint8Array>;
  /** The text of an application message; undefined for a proposal or a commit, which takes effect at once. */
  receive(message: Uint8Array): Promise<string | undefined>;
  restart(): Promise<void>;
  view(): Promise<View>;
  /** The tree, as the data of a `ratchet_tree` extension, where the engine gives it away. */
  tree(): Promise<Uint8Array | undefined>;
}

export interface Invitation {
  readonly welcome: Uint8Array;
  readonly tree: Uint8Array | undefined;
}

/** A change with what is needed to make it. */
export type Wanted =
  | { readonly kind: "add"; readonly who: Name; readonly keyPackage: Uint8Array }
  | { readonly kind: "remove"; readonly who: Name }
  | { readonly kind: "update" };

export interface Intent {
  readonly changes: readonly Wanted[];
  readonly take: "all" | readonly number[];
  readonly public: boolean;
  readonly pathless: boolean;
}

export interface Staged {
  /** Proposals of the committer's own that the others need before the commit. */
  readonly proposals: readonly Uint8Array[];
  readonly commit: Uint8Array;
  readonly welcome: Uint8Array | undefined;
}

/** What all members must agree on. */
export interface View {
  /** Undefined where the engine doesn't tell. */
  readonly epoch: bigint | undefined;
  /** In the order of the leaves. */
  readonly roster: readonly Name[];
  /** An exporter secret, in hexadecimal. */
  readonly exported: string;
}

export const GROUP_ID = "interop";
export const EXPORT_LABEL = "thicket interop";
export const EXPORT_CONTEXT = new TextEncoder().encode("after every commit");
export const EXPORT_LENGTH = 32;
