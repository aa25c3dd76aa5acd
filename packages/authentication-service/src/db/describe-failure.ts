import type { WireErrorCode } from "@thicket/protocol";

/** SQLite's primary result code for a full disk (`sqlite.org/rescode.html`). */
const SQLITE_FULL = 13;

/** What a thrown error is to a client: a full disk, a failing store, or a bug of ours. */
export function describeFailure(error: unknown): WireErrorCode {
  if (!(error instanceof Error) || !("errcode" in error)) return "INTERNAL";
  // The low byte of an extended code is the primary one.
  return (Number(error.errcode) & 0xff) === SQLITE_FULL ? "DISK_FULL" : "STORE_FAILED";
}
