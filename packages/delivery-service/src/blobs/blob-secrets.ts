import { createHash } from "node:crypto";
import { type BlobId, fromHex } from "@thicket/protocol";
import { storedBlobId } from "../db/own-ids.ts";

/**
 * A blob's id and its uploader's token come from the ticket, so that a creation that is repeated, because its answer
 * was lost, names the same blob. Neither leads back to the ticket or to the other.
 */
export function deriveFromTicket(ticket: Uint8Array): { blobId: BlobId; token: Uint8Array } {
  return {
    blobId: storedBlobId(derive("thicket blob id", ticket)),
    token: derive("thicket blob token", ticket),
  };
}

/** What is stored of an id, in the database and as the file's name: whoever reads either can't download with it. */
export function hashBlobId(blobId: BlobId): Uint8Array {
  return createHash("sha256").update(fromHex(blobId)).digest();
}

function derive(label: string, ticket: Uint8Array): Uint8Array {
  return createHash("sha256").update(label).update(ticket).digest();
}
