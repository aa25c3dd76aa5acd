import type {
  DeliveryReply,
  DeliveryRequests,
  Entry,
  GroupId,
  SeatId,
  Seq,
  WireError,
} from "@thicket/protocol";
import type * as storage from "@thicket/storage";
import { refuse } from "@thicket/storage";
import type { DeviceIdentity } from "./device-identity.ts";

/** Entries that follow each other in a group's log, and who hears of them: they are told as one or not at all. */
export interface Appended {
  groupId: GroupId;
  entries: readonly Entry[];
  /** Seats of a tip that may not read these entries: of another branch, or of an epoch before they joined. */
  hiddenFrom: readonly SeatId[];
  /** Seats of no tip that may read them all the same: they belonged to that epoch. */
  alsoTo: readonly SeatId[];
  /** From here on these seats belong to no tip any more: they read what they may, and hear of what is also for them. */
  unseated: readonly SeatId[];
  /** From here on a tip holds these seats, which belonged to none. */
  seated: readonly SeatId[];
}

/** What the rest of the server is told once a write is on the disk; each is a hint for the connected devices. */
export type Effect =
  | ({ kind: "appended" } & Appended)
  /** These seats were dropped, or their branch was: they hear of nothing any more. */
  | { kind: "unseated"; groupId: GroupId; seatIds: readonly SeatId[] }
  /** Welcomes are held, at the latest until then (ms since 1970). */
  | { kind: "held"; until: number }
  | { kind: "acked"; groupId: GroupId; seq: Seq }
  | { kind: "welcome"; device: DeviceIdentity }
  | { kind: "keyPackagesLow"; device: DeviceIdentity; suite: number; count: number };

export type Refusal = storage.Refusal;
export type Success = storage.Success;

/** The reply to a request that was not refused. */
export type Accepted<K extends keyof DeliveryRequests> = Extract<DeliveryReply<K>, { ok: true }>;
/** What a write operation gives back: a refusal is rolled back, a success committed and then told. */
export type Outcome<S extends Success> = storage.Outcome<S, Effect>;

export { refuse };

export function refused(code: WireError["code"], details: Omit<WireError, "code"> = {}): Outcome<never> {
  return { reply: refuse(code, details), effects: [] };
}
