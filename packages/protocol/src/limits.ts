/** Default sizes (bytes) and counts of `delivery.md`; a relay may be configured lower and says so in its `hello`. */
export const LIMITS = {
  applicationEntry: 64 * 1024,
  commitBundle: 4 * 1024 * 1024,
  keyPackage: 8 * 1024,
  keyPackagesPerPublish: 100,
  keyPackagesPerDevice: 200,
  claimDevices: 256,
  attachBatch: 1000,
  logPage: 256,
  seatsPerGroup: 10_000,
  welcomesPerCommit: 64,
  linkCard: 32 * 1024,
  knock: 16 * 1024,
  inviteCode: 128,
  credential: 4 * 1024,
  devicesPerAccount: 32,
  blob: 100 * 1024 * 1024,
  /** No relay may be configured higher. */
  blobCeiling: 16 * 1024 ** 3,
} as const;
