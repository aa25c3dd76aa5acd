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
}

export const DEFAULT_LIMITS: DeliveryLimits = {
  applicationEntry: LIMITS.applicationEntry,
  commitBundle: LIMITS.commitBundle,
  keyPackagesPerDevice: LIMITS.keyPackagesPerDevice,
  seatsPerGroup: LIMITS.seatsPerGroup,
  claimsPerTargetPerHour: 10,
  keyPackagesLow: 20,
};
