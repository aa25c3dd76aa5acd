import type { AccountId, DeviceId } from "@thicket/protocol";

/** Who is logged in on a connection. Never stored with a seat. */
export interface DeviceIdentity {
  readonly userId: AccountId;
  readonly deviceId: DeviceId;
}
