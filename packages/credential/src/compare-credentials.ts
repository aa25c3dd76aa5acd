import { equalBytes } from "@thicket/mls/public";
import type { DeviceCredential } from "./credential.ts";

/** Whether two credentials are the same client: the same device of the same user. A group holds one leaf of each. */
export function sameClient(a: DeviceCredential, b: DeviceCredential): boolean {
  return equalBytes(a.userId, b.userId) && equalBytes(a.device.deviceId, b.device.deviceId);
}

/**
 * Whether `after` may take `before`'s place in a leaf (RFC 9420 §5.3.1): the same client under the same root, with
 * a device_seq that isn't lower. Another root counts as another person, who has to be added.
 */
export function isSuccessor(before: DeviceCredential, after: DeviceCredential): boolean {
  return (
    sameClient(before, after) &&
    equalBytes(before.rootKey, after.rootKey) &&
    after.device.deviceSeq >= before.device.deviceSeq
  );
}

/** The id (16 bytes) of a user that stands under two root keys in this set, which no group may hold; else undefined. */
export function userWithTwoRoots(credentials: Iterable<DeviceCredential>): Uint8Array | undefined {
  const roots = new Map<string, Uint8Array>();
  for (const { userId, rootKey } of credentials) {
    const user = String.fromCharCode(...userId);
    const known = roots.get(user);
    if (known !== undefined && !equalBytes(known, rootKey)) return userId;
    roots.set(user, rootKey);
  }
  return undefined;
}
