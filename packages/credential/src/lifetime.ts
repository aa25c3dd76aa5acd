/** When a signed part holds, in seconds since 1970 UTC, both ends included. Compared with other lifetimes, never with a clock. */
export interface Lifetime {
  notBefore: bigint;
  notAfter: bigint;
}

const DAY = 86_400n;

/** Longest life of an attestation, in seconds: after it, the AS must have said again whose handle this is. */
export const ATTESTATION_MAX_SECONDS = 90n * DAY;

/** Longest life of a device certificate, in seconds: after it, the person must have opened the root key again. */
export const DEVICE_CERTIFICATE_MAX_SECONDS = 365n * DAY;

export function isOrdered(lifetime: Lifetime): boolean {
  return lifetime.notBefore < lifetime.notAfter;
}

export function lasts(lifetime: Lifetime): bigint {
  return lifetime.notAfter - lifetime.notBefore;
}

/** Whether a moment lies within a lifetime. */
export function isWithin(moment: bigint, lifetime: Lifetime): boolean {
  return lifetime.notBefore <= moment && moment <= lifetime.notAfter;
}
