import { LIMITS } from "@thicket/protocol";

/** What a relay may set lower or higher than the defaults of `delivery.md`. Sizes in bytes. */
export interface DeliveryLimits {
  applicationEntry: number;
  /** A commit with its Welcomes. */
  commitBundle: number;
  keyPackagesPerDevice: number;
  seatsPerGroup: number;
  claimsPerTargetPerHour: number;
  /** Below this many key packages the owner is told. */
  keyPackagesLow: number;
  blob: number;
  /** By account. */
  blobBytesPerDay: number;
  /** How long a complete blob is kept. */
  blobDays: number;
  /** Bytes of the disk of blobs that no blob may take: the databases may share it. */
  diskKeptFree: number;
}

export const DEFAULT_LIMITS: DeliveryLimits = {
  applicationEntry: LIMITS.applicationEntry,
  commitBundle: LIMITS.commitBundle,
  keyPackagesPerDevice: LIMITS.keyPackagesPerDevice,
  seatsPerGroup: LIMITS.seatsPerGroup,
  claimsPerTargetPerHour: 10,
  keyPackagesLow: 20,
  blob: LIMITS.blob,
  blobBytesPerDay: 2 * 1024 ** 3,
  blobDays: 35,
  diskKeptFree: 256 * 1024 ** 2,
};
