import type { WireErrorCode } from "@thicket/protocol";

/** SQLite's primary result code for a full disk (`sqlite.org/rescode.html`). */
const SQLITE_FULL = 13;
/** PostgreSQL's for the same (`postgresql.org/docs/current/errcodes-appendix.html`). */
const POSTGRES_FULL = "53100";

/** A statement that PostgreSQL refused. */
export class StatementFailure extends Error {
  readonly sqlState: string;

  constructor(sqlState: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "StatementFailure";
    this.sqlState = sqlState;
  }
}

/** What a thrown error is to a client: a full disk, a failing store, or a bug of ours. */
export function describeFailure(error: unknown): WireErrorCode {
  if (error instanceof StatementFailure)
    return error.sqlState === POSTGRES_FULL ? "DISK_FULL" : "STORE_FAILED";
  if (error instanceof BatchEnded) return "STORE_FAILED";
  if (!(error instanceof Error) || !("errcode" in error)) return "INTERNAL";
  // The low byte of an extended code is the primary one.
  return (Number(error.errcode) & 0xff) === SQLITE_FULL ? "DISK_FULL" : "STORE_FAILED";
}

/**
 * Ends the entire batch, whichever write met it: the connection is `lost`, or another node was in the way and all of
 * it is to be run `again`.
 */
export class BatchEnded extends Error {
  readonly reason: "lost" | "again";

  constructor(reason: "lost" | "again", cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "BatchEnded";
    this.reason = reason;
  }
}
