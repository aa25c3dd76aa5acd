import { chainFailure, readAttestation, readDeviceCertificate } from "@thicket/credential";
import { equalBytes, verifyEd25519 } from "@thicket/mls";
import { type AuthenticationReply, fromHex, type Handle, toHex } from "@thicket/protocol";
import type { ClientError } from "../api.ts";
import type { Step } from "../step.ts";
import type { AccountRow, Invitee } from "../tables.ts";
import { pinContact } from "./pin-contacts.ts";

type Found = Extract<AuthenticationReply<"handle.lookup">, { ok: true }>;

/**
 * What the AS said of a handle, believed as far as it is signed: the AS attests the root, the root each device. A
 * root other than the pinned one, or another user than the one known by this handle, blocks adding (IDENTITY_CHANGED).
 */
export async function checkLookup(
  step: Step,
  account: AccountRow,
  handle: Handle,
  found: Found,
): Promise<{ ok: true; invitee: Invitee } | { ok: false; error: ClientError }> {
  const refused = { ok: false, error: { code: "KEY_PACKAGE_REFUSED", subject: handle } } as const;
  const attestation = readAttestation(found.attestation);
  if (!attestation.ok) return refused;
  const { rootKey, userId } = attestation.value;
  if (attestation.value.handle !== handle || toHex(userId) !== found.userId) return refused;
  const devices: Invitee["devices"] = [];
  for (const { deviceId, deviceCertificate } of found.devices) {
    const device = readDeviceCertificate(deviceCertificate);
    if (!device.ok || toHex(device.value.deviceId) !== deviceId) return refused;
    const failure = await chainFailure({
      userId: fromHex(found.userId),
      rootKey,
      attestation: attestation.value,
      device: device.value,
      trustedAsKeys: account.asKeys,
      verify: verifyEd25519,
    });
    if (failure !== undefined) return refused;
    devices.push(deviceId);
  }
  // The AS alone could answer a known name with a new user whose root it made: no pin would notice.
  for (const contact of step.contacts()) {
    if (contact.handle === handle && contact.userId !== found.userId)
      return { ok: false, error: { code: "IDENTITY_CHANGED", subject: handle } };
  }
  pinContact(step, { userId: found.userId, handle, rootKey });
  const pinned = step.contact(found.userId);
  if (pinned === undefined || !equalBytes(pinned.rootKey, rootKey)) {
    return { ok: false, error: { code: "IDENTITY_CHANGED", subject: handle } };
  }
  return { ok: true, invitee: { userId: found.userId, handle, devices } };
}
