import { LIMITS } from "@thicket/protocol";

/** What a relay may set lower or higher than the defaults of `delivery.md`. Sizes in bytes. */
export interface DeliveryLimits {
  applicationEntry: number;
  /** A commit with its Welcomes. */
  commitBundle: number;
  keyPackagesPerDevice: number;
  seatsPerGroup: number;
  claimsPerTargetPerHour: number;
  /** Devices named in one claim. */
  claimDevices: number;
  /** By device. */
  knocksPerHour: number;
  knock: number;
  linkCard: number;
  linksPerGroup: number;
  /** By seat: candidates after an epoch's first. */
  supersedesPerDay: number;
  /** Entries of one page of a log; what asks for more gets so many. */
  logPage: number;
  /** Milliseconds that a Welcome waits at most for somebody else to take its commit. */
  welcomeHold: number;
  /** Days after which an entry, a silent branch, a seat that shows no token, or a Welcome is kept no longer. */
  retentionDays: number;
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
  claimDevices: LIMITS.claimDevices,
  knocksPerHour: 5,
  knock: LIMITS.knock,
  linkCard: LIMITS.linkCard,
  linksPerGroup: 100,
  supersedesPerDay: 100,
  logPage: LIMITS.logPage,
  welcomeHold: 15_000,
  retentionDays: 35,
  keyPackagesLow: 20,
  blob: LIMITS.blob,
  blobBytesPerDay: 2 * 1024 ** 3,
  blobDays: 35,
  diskKeptFree: 256 * 1024 ** 2,
};
