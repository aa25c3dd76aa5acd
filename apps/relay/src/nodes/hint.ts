import type { Appended, DeviceIdentity } from "@thicket/delivery-service";
import type { DeliveryEvents, GroupId, SeatId, Seq } from "@thicket/protocol";

/** What the sockets of all nodes are told. The log and the inboxes are the truth: who misses a hint is only late. */
export type Hint =
  | { kind: "appended"; appended: Appended }
  | { kind: "unseated"; groupId: GroupId; seatIds: readonly SeatId[] }
  | { kind: "acked"; groupId: GroupId; seq: Seq }
  | { kind: "welcome"; device: DeviceIdentity }
  | { kind: "keyPackagesLow"; device: DeviceIdentity; pool: DeliveryEvents["keyPackagesLow"] };

/** The way to the other nodes. */
export interface OtherNodes {
  tell(hint: Hint): void;
  /** What another node told. */
  onHint(hear: (hint: Hint) => void): void;
}
