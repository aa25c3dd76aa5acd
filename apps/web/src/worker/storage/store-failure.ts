import { StoreError, type StoreErrorCode } from "@thicket/client";

/**
 * What the browser throws at a write, an opening or a lost connection -> the code of what it means for the account.
 * Anything that isn't the browser's is a bug and comes back as it is.
 */
export function storeFailure(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error;
  return new StoreError(FAILURES[error.name] ?? "STORE_UNAVAILABLE", { cause: error });
}

/** The same for a read: what isn't a lost connection is a row that can't be read, never one that isn't there. */
export function readFailure(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const lost = error instanceof DOMException && LOST_CONNECTION.has(error.name);
  return new StoreError(lost ? "STORE_UNAVAILABLE" : "STORE_UNREADABLE", { cause: error });
}

const FAILURES: Record<string, StoreErrorCode> = {
  QuotaExceededError: "STORE_QUOTA",
  VersionError: "STORE_NEWER",
};
const LOST_CONNECTION = new Set(["InvalidStateError", "AbortError", "NotFoundError"]);
