import type { DeviceCredential } from "./credential.ts";

/** Who a credential speaks of. */
export interface Description {
  /** Lower-case hexadecimal, 32 digits. */
  userId: string;
  /** Lower-case hexadecimal, 32 digits. */
  deviceId: string;
  handle: string;
  /** Ed25519, 32 bytes. */
  rootKey: Uint8Array;
}

/** Says what the credential says; whether it is true is `checkCredential`'s verdict. */
export function describe(
  credential: Pick<DeviceCredential, "rootKey" | "attestation" | "device">,
): Description {
  const { rootKey, attestation, device } = credential;
  return {
    userId: hex(attestation.userId),
    deviceId: hex(device.deviceId),
    handle: attestation.handle,
    rootKey,
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
