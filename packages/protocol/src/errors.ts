import * as v from "valibot";
import { Branch, Epoch, Seq } from "./ids.ts";

/** Every way in which the relay refuses a request. Codes are stable: clients and tests depend on them. */
export const WIRE_ERROR_CODES = [
  "MALFORMED_REQUEST",
  "WIRE_VERSION_UNSUPPORTED",
  "NOT_LOGGED_IN",
  "LOGIN_REFUSED",
  "HANDLE_MALFORMED",
  "HANDLE_TAKEN",
  "HANDLE_UNKNOWN",
  "ACCOUNT_TAKEN",
  "REGISTRATION_CLOSED",
  "INVITE_REFUSED",
  "CREDENTIAL_INVALID",
  "KEY_PACKAGE_INVALID",
  "KEY_PACKAGE_LIMIT",
  "GROUP_TAKEN",
  "GROUP_UNKNOWN",
  "SEAT_REFUSED",
  "SEAT_DROPPED",
  "EPOCH_TOKEN_REFUSED",
  "EPOCH_STALE",
  "ENTRY_CONFLICT",
  "HEADER_MISMATCH",
  "PUBLIC_MESSAGE_REFUSED",
  "PAYLOAD_TOO_LARGE",
  "SEATS_FULL",
  "BLOB_TICKET_REFUSED",
  "BLOB_TOKEN_REFUSED",
  "BLOB_UNKNOWN",
  "BLOB_OFFSET_CONFLICT",
  "LINK_UNKNOWN",
  "LINK_TAKEN",
  "LINK_LIMIT",
  "RATE_LIMITED",
  "DISK_FULL",
  "STORE_FAILED",
  "SHUTTING_DOWN",
  "INTERNAL",
] as const;

export const WireErrorCode = v.picklist(WIRE_ERROR_CODES);
export type WireErrorCode = v.InferOutput<typeof WireErrorCode>;

/** The end of a branch that nobody has committed on yet: where writes are accepted. */
export const Tip = v.object({ epoch: Epoch, branch: Branch });
export type Tip = v.InferOutput<typeof Tip>;

/**
 * A refusal. It never repeats what the request held.
 * `tips` come with EPOCH_STALE, and where the epoch has ended `winner` and `last`: the seqs of its first candidate and
 * of its last one, which is what another candidate has to name in `supersedes`. `limit` (bytes, count, or a rate) comes
 * with PAYLOAD_TOO_LARGE, KEY_PACKAGE_LIMIT, LINK_LIMIT, SEATS_FULL and RATE_LIMITED; `retryAfter` (ms) with RATE_LIMITED.
 */
export const WireError = v.object({
  code: WireErrorCode,
  tips: v.optional(v.array(Tip)),
  winner: v.optional(Seq),
  last: v.optional(Seq),
  limit: v.optional(v.number()),
  retryAfter: v.optional(v.number()),
});
export type WireError = v.InferOutput<typeof WireError>;

export type Reply<T> = ({ ok: true } & T) | { ok: false; error: WireError };

/** A reply's schema from its success fields. */
export function replyOf<const T extends v.ObjectEntries>(fields: T) {
  return v.variant("ok", [
    v.object({ ok: v.literal(true), ...fields }),
    v.object({ ok: v.literal(false), error: WireError }),
  ]);
}
