/**
 * What a tab and its worker say to each other, and what the workers of one origin say among themselves.
 * Plain data only: it passes through structured clone, which keeps no error classes.
 */
import type { ClientEvent, Command, CommandId, CommandReply, View } from "@thicket/client/api";

/** Tab -> its own worker. */
export type TabMessage =
  /** Asks for a snapshot; events that follow it belong to it. */
  | { type: "watch" }
  /** The person looks at this tab: whoever leads had better be awake. */
  | { type: "visible" }
  | { type: "command"; command: Command };

/** Worker -> its own tab. Events between two snapshots apply to the first of them, in order. */
export type WorkerMessage =
  | { type: "snapshot"; view: View }
  | { type: "event"; event: ClientEvent }
  | { type: "reply"; commandId: CommandId; reply: CommandReply };

/** 16 random bytes in lower-case hexadecimal: one worker of this origin, for as long as it lives. */
export type WorkerId = string;

/**
 * Worker -> all other workers of the origin, over one BroadcastChannel. `term` is the leader's fencing
 * counter: of two that both say they lead, the higher is right. Everything that a follower says is answered at once
 * with `starting` or `leading`, so that a leader whose tab is frozen is noticed.
 */
export type PeerMessage =
  /** A follower that wants the view (`snapshot`), or only to know that somebody leads. */
  | { type: "ask"; from: WorkerId; snapshot: boolean }
  | { type: "command"; from: WorkerId; command: Command }
  | { type: "starting"; from: WorkerId }
  | { type: "leading"; from: WorkerId; term: number }
  | { type: "snapshot"; from: WorkerId; term: number; to: WorkerId; view: View }
  | { type: "event"; from: WorkerId; term: number; event: ClientEvent }
  | { type: "reply"; from: WorkerId; term: number; to: WorkerId; commandId: CommandId; reply: CommandReply };

/** The name that the Web Lock, the BroadcastChannel and the database share. */
export const ENGINE_NAME = "thicket";
