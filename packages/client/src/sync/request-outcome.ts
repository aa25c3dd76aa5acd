import type { WireError } from "@thicket/protocol";
import type { LinkDown } from "../ports.ts";

export type RequestFailure = WireError | LinkDown["error"];

/**
 * What becomes of a write that failed: `later` with the same bytes (it may have arrived), `stale` for another epoch,
 * `refused` for good.
 */
export type FailureKind = { kind: "later"; after?: number } | { kind: "stale" } | { kind: "refused" };

export function judgeFailure(error: RequestFailure): FailureKind {
  switch (error.code) {
    case "LINK_DOWN":
    case "NOT_LOGGED_IN":
    case "SHUTTING_DOWN":
    case "STORE_FAILED":
    case "DISK_FULL":
    case "INTERNAL":
      return { kind: "later" };
    case "RATE_LIMITED":
      return error.retryAfter === undefined ? { kind: "later" } : { kind: "later", after: error.retryAfter };
    case "EPOCH_STALE":
      return { kind: "stale" };
    case "MALFORMED_REQUEST":
    case "WIRE_VERSION_UNSUPPORTED":
    case "LOGIN_REFUSED":
    case "HANDLE_MALFORMED":
    case "HANDLE_TAKEN":
    case "HANDLE_UNKNOWN":
    case "ACCOUNT_TAKEN":
    case "REGISTRATION_CLOSED":
    case "INVITE_REFUSED":
    case "CREDENTIAL_INVALID":
    case "KEY_PACKAGE_INVALID":
    case "KEY_PACKAGE_LIMIT":
    case "GROUP_TAKEN":
    case "GROUP_UNKNOWN":
    case "SEAT_REFUSED":
    case "SEAT_DROPPED":
    case "EPOCH_TOKEN_REFUSED":
    case "ENTRY_CONFLICT":
    case "HEADER_MISMATCH":
    case "PUBLIC_MESSAGE_REFUSED":
    case "PAYLOAD_TOO_LARGE":
    case "SEATS_FULL":
    case "BLOB_TICKET_REFUSED":
    case "BLOB_TOKEN_REFUSED":
    case "BLOB_UNKNOWN":
    case "BLOB_OFFSET_CONFLICT":
    case "LINK_UNKNOWN":
    case "LINK_TAKEN":
    case "LINK_LIMIT":
      return { kind: "refused" };
  }
}

/** The last seq that a refusal as stale names: the log reaches at least so far. */
export function headOf(error: RequestFailure): number {
  if (error.code !== "EPOCH_STALE") return 0;
  return Math.max(error.winner ?? 0, ...(error.tips ?? []).map(({ branch }) => branch));
}

/** Milliseconds before the n-th repetition (from 0): doubling from `first`, at most `most`. */
export function backOff(n: number, first: number, most: number): number {
  return Math.min(most, first * 2 ** Math.min(n, 30));
}
