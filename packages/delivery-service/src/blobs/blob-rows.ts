import type { Reader, WriteOperation } from "../db/access.ts";
import type { BlobState } from "../db/schema.ts";
import { refused } from "../outcome.ts";

const HOUR = 60 * 60 * 1000;

/** When something ends that begins now: a full hour, so that what is stored doesn't tell the moment of an upload. */
export function endOf(now: number, life: number): number {
  return Math.ceil((now + life) / HOUR) * HOUR;
}

export interface BlobRow {
  size: number;
  stored: number;
  state: BlobState;
  token_hash: Uint8Array;
  expires_at: number;
}

/** The blob of this hash, unless its time is over; also one that was deleted, as long as its ticket could come again. */
export async function readBlob(
  reader: Reader,
  idHash: Uint8Array,
  now: number,
): Promise<BlobRow | undefined> {
  return reader.query
    .selectFrom("blobs")
    .select(["size", "stored", "state", "token_hash", "expires_at"])
    .where("id_hash", "=", idHash)
    .where("expires_at", ">", now)
    .executeTakeFirst();
}

/** Makes room for one blob of exactly `size` bytes. */
export function keepTicket(row: {
  ticket_hash: Uint8Array;
  size: number;
  expires_at: number;
}): WriteOperation<{ ok: true }> {
  return async (tx) => {
    await tx.change.insertInto("blob_tickets").values(row).execute();
    return { reply: { ok: true }, effects: [] };
  };
}

/**
 * A ticket becomes a blob, once; the same ticket again finds that blob. BLOB_TICKET_REFUSED for one that is unknown,
 * over, for another size, or whose blob is gone.
 */
export function redeemTicket(
  ticketHash: Uint8Array,
  blob: { id_hash: Uint8Array; token_hash: Uint8Array; size: number; expires_at: number },
  now: number,
): WriteOperation<{ ok: true; stored: number; expires: number }> {
  return async (tx) => {
    const redeemed = await tx.change
      .deleteFrom("blob_tickets")
      .where("ticket_hash", "=", ticketHash)
      .where("size", "=", blob.size)
      .where("expires_at", ">", now)
      .returning("size")
      .executeTakeFirst();
    if (redeemed !== undefined) {
      await tx.change
        .insertInto("blobs")
        .values({ ...blob, state: "uploading", stored: 0 })
        .execute();
      return { reply: { ok: true, stored: 0, expires: blob.expires_at }, effects: [] };
    }
    const made = await readBlob(tx, blob.id_hash, now);
    if (made === undefined || made.state === "deleted" || made.size !== blob.size) {
      return refused("BLOB_TICKET_REFUSED");
    }
    return { reply: { ok: true, stored: made.stored, expires: made.expires_at }, effects: [] };
  };
}

/**
 * The bytes up to `to` are on the disk. Compare-and-set on the offset: of two writers, also on two nodes, one goes on
 * and the other is told BLOB_OFFSET_CONFLICT. With its last byte a blob is complete and can be downloaded.
 */
export function advanceBlob(
  idHash: Uint8Array,
  step: { from: number; to: number; size: number },
  times: { now: number; completeUntil: number },
): WriteOperation<{ ok: true; stored: number }> {
  return async (tx) => {
    const complete = step.to === step.size;
    const advanced = await tx.change
      .updateTable("blobs")
      .set({
        stored: step.to,
        ...(complete ? { state: "complete", expires_at: times.completeUntil } : {}),
      })
      .where("id_hash", "=", idHash)
      .where("state", "=", "uploading")
      .where("stored", "=", step.from)
      .where("expires_at", ">", times.now)
      .returning("stored")
      .executeTakeFirst();
    if (advanced !== undefined) return { reply: { ok: true, stored: step.to }, effects: [] };
    const row = await readBlob(tx, idHash, times.now);
    return refused(row === undefined || row.state === "deleted" ? "BLOB_UNKNOWN" : "BLOB_OFFSET_CONFLICT");
  };
}

/** From now on nobody finds it. Its row stays until `until`, so that its ticket makes no second one. */
export function buryBlob(idHash: Uint8Array, until: number): WriteOperation<{ ok: true }> {
  return async (tx) => {
    await tx.change
      .updateTable("blobs")
      .set({ state: "deleted", expires_at: until })
      .where("id_hash", "=", idHash)
      .where("state", "!=", "deleted")
      .execute();
    return { reply: { ok: true }, effects: [] };
  };
}

/** Buries up to `atMost` blobs whose time is over, and forgets as many such tickets. -> the blobs whose files may go. */
export function buryExpired(
  now: number,
  atMost: number,
): WriteOperation<{ ok: true; buried: Uint8Array[]; tickets: number }> {
  return async (tx) => {
    const tickets = await tx.query
      .selectFrom("blob_tickets")
      .select("ticket_hash")
      .where("expires_at", "<=", now)
      .orderBy("expires_at")
      .limit(atMost)
      .execute();
    if (tickets.length > 0) {
      const hashes = tickets.map(({ ticket_hash }) => ticket_hash);
      await tx.change.deleteFrom("blob_tickets").where("ticket_hash", "in", hashes).execute();
    }
    const over = await tx.query
      .selectFrom("blobs")
      .select("id_hash")
      .where("expires_at", "<=", now)
      .orderBy("expires_at")
      .limit(atMost)
      .execute();
    const hashes = over.map(({ id_hash }) => id_hash);
    if (hashes.length === 0) return { reply: { ok: true, buried: [], tickets: tickets.length }, effects: [] };
    // The time again: an upload that was finished in the meantime lives on.
    const buried = await tx.change
      .updateTable("blobs")
      .set({ state: "deleted" })
      .where("id_hash", "in", hashes)
      .where("expires_at", "<=", now)
      .returning("id_hash")
      .execute();
    const ids = buried.map(({ id_hash }) => id_hash);
    return { reply: { ok: true, buried: ids, tickets: tickets.length }, effects: [] };
  };
}

/** Forgets blobs whose files are gone. */
export function forgetBlobs(idHashes: readonly Uint8Array[]): WriteOperation<{ ok: true }> {
  return async (tx) => {
    await tx.change
      .deleteFrom("blobs")
      .where("id_hash", "in", idHashes)
      .where("state", "=", "deleted")
      .execute();
    return { reply: { ok: true }, effects: [] };
  };
}
