// The protocol's branded ids are made by parsing what comes in; these are the ones that the DS makes itself, or stored
// after they were parsed.
/* oxlint-disable typescript/no-unsafe-type-assertion */
import type {
  AccountId,
  BlobId,
  Branch,
  DeviceId,
  Epoch,
  GroupId,
  SeatId,
  Seq,
  WelcomeId,
} from "@thicket/protocol";
import { toHex } from "@thicket/protocol";
import type { DeviceIdentity } from "../device-identity.ts";

export const FIRST_BRANCH = 0 as Seq;
export const FIRST_EPOCH = 0 as Epoch;
export const nextSeq = (seq: Seq): Seq => (seq + 1) as Seq;
export const nextEpoch = (epoch: Epoch): Epoch => (epoch + 1) as Epoch;
export const storedSeatId = (bytes: Uint8Array): SeatId => toHex(bytes) as SeatId;
export const storedWelcomeId = (bytes: Uint8Array): WelcomeId => toHex(bytes) as WelcomeId;
export const storedBlobId = (bytes: Uint8Array): BlobId => toHex(bytes) as BlobId;
export const storedGroupId = (bytes: Uint8Array): GroupId => toHex(bytes) as GroupId;
export const storedBranch = (branch: number): Branch => branch as Branch;
export const storedDevice = (userId: Uint8Array, deviceId: Uint8Array): DeviceIdentity => ({
  userId: toHex(userId) as AccountId,
  deviceId: toHex(deviceId) as DeviceId,
});
