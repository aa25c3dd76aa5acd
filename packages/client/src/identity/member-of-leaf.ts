import { describe } from "@thicket/credential";
import type { LeafNode } from "@thicket/mls";
import type { AccountId, DeviceId, Handle } from "@thicket/protocol";
import { credentialOf } from "./engine-authentication.ts";
import { parseAccountId, parseDeviceId, parseHandle } from "./parse-ids.ts";

/** Who stands in a leaf, by its credential. */
export interface LeafMember {
  userId: AccountId;
  deviceId: DeviceId;
  handle: Handle;
  rootKey: Uint8Array;
}

/** Of a leaf that the engine has taken, so that its credential is one of ours: anything else is a bug. */
export function memberOfLeaf(leafNode: LeafNode): LeafMember {
  const credential = credentialOf(leafNode.credential);
  if (credential === undefined) throw new TypeError("a leaf without a device credential");
  const { userId, deviceId, handle, rootKey } = describe(credential);
  return {
    userId: parseAccountId(userId),
    deviceId: parseDeviceId(deviceId),
    handle: parseHandle(handle),
    rootKey,
  };
}
