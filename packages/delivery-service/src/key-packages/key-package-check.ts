import type { DeviceIdentity } from "../device-identity.ts";

/** What the DS keeps of a key package that it found valid. Times in milliseconds since 1970 UTC. */
export interface CheckedKeyPackage {
  ref: Uint8Array;
  notBefore: number;
  notAfter: number;
  /** Carries the last_resort extension, 0x000A. */
  lastResort: boolean;
}

/**
 * Judges one key package (an MLSMessage): RFC 9420 §10.1, and that its credential is valid and names the device that
 * publishes it. Gives back undefined for one that mustn't be handed out.
 */
export type KeyPackageCheck = (
  message: Uint8Array,
  expected: { suite: number; owner: DeviceIdentity },
) => Promise<CheckedKeyPackage | undefined>;
