import type { BlobId, DeliveryReply, DeliveryRequest } from "@thicket/protocol";
import type { Database } from "@thicket/storage";
import type { DeliveryModel } from "../db/access.ts";
import { NO_GROUPS } from "../db/plan.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import type { DeliveryLimits } from "../limits.ts";
import { refuse, type Refusal } from "../outcome.ts";
import { isToken, tokenHash } from "../seats/tokens.ts";
import { type BlobFiles, describeFileFailure } from "./blob-files.ts";
import {
  advanceBlob,
  type BlobRow,
  buryBlob,
  buryExpired,
  endOf,
  forgetBlobs,
  keepTicket,
  readBlob,
  redeemTicket,
} from "./blob-rows.ts";
import { deriveFromTicket, hashBlobId } from "./blob-secrets.ts";
import { createUploadQuota } from "./upload-quota.ts";
import { type Stored, writeBlob } from "./write-blob.ts";

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TICKET_LIFE = 10 * MINUTE;
const UPLOAD_LIFE = DAY;
/** Blobs and tickets that one sweep removes. */
const SWEPT = 100;

/** An upload as its uploader sees it. `stored` bytes are on the disk; `expires` in ms since 1970 UTC. */
export interface Upload {
  ok: true;
  size: number;
  stored: number;
  expires: number;
}

export interface Blobs {
  /** The largest blob, bytes. */
  readonly sizeLimit: number;
  /** `blob.ticket` */
  ticket(
    device: DeviceIdentity,
    request: DeliveryRequest<"blob.ticket">,
  ): Promise<DeliveryReply<"blob.ticket">>;
  /** BLOB_TICKET_REFUSED, DISK_FULL, STORE_FAILED. */
  create(
    ticket: Uint8Array,
    size: number,
  ): Promise<(Upload & { blobId: BlobId; token: Uint8Array }) | Refusal>;
  /** BLOB_UNKNOWN or BLOB_TOKEN_REFUSED for whoever isn't the uploader. A deleted blob is told apart: deleting it again is fine. */
  checkToken(blobId: BlobId, token: Uint8Array): Promise<{ ok: true; deleted: boolean } | Refusal>;
  upload(blobId: BlobId): Promise<Upload | Refusal>;
  /** Appends at `offset` until the source ends; see {@link writeBlob}. */
  write(blobId: BlobId, offset: number, source: AsyncIterable<Uint8Array>): Promise<Stored | Refusal>;
  delete(blobId: BlobId): Promise<{ ok: true } | Refusal>;
  /** A complete blob: where its bytes are, and a strong entity tag. They never change. */
  find(blobId: BlobId): Promise<{ ok: true; path: string; size: number; tag: string } | Refusal>;
  /** Removes some of what is over. -> how much of that there may still be. */
  sweep(): Promise<"more" | "done">;
}

export interface BlobsOptions {
  files: BlobFiles;
  database: Database<DeliveryModel>;
  now: () => number;
  random: (length: number) => Uint8Array;
  limits: DeliveryLimits;
  onFault: (error: unknown) => void;
}

/**
 * Ciphertexts too large for a log. The database says which there are, without an account, a group or an id that would
 * let its reader download; the bytes are in files.
 */
export function openBlobs(options: BlobsOptions): Blobs {
  const { files, database, now, limits, onFault } = options;

  const find = async (blobId: BlobId): Promise<{ ok: true; row: BlobRow; idHash: Uint8Array } | Refusal> => {
    const idHash = hashBlobId(blobId);
    return database.read(async (reader) => {
      const row = await readBlob(reader, idHash, now());
      return row === undefined ? refuse("BLOB_UNKNOWN") : { ok: true, row, idHash };
    });
  };
  const findKept = async (blobId: BlobId) => {
    const found = await find(blobId);
    return found.ok && found.row.state === "deleted" ? refuse("BLOB_UNKNOWN") : found;
  };
  /** A file operation whose failure is a refusal. */
  const guarded = async (run: () => Promise<void>): Promise<Refusal | undefined> => {
    try {
      await run();
      return undefined;
    } catch (error) {
      const code = describeFileFailure(error);
      if (code !== "DISK_FULL") onFault(error);
      return refuse(code ?? "INTERNAL");
    }
  };

  return {
    sizeLimit: limits.blob,
    ticket: createTicketOffice(options),
    async create(ticket, size) {
      const { blobId, token } = deriveFromTicket(ticket);
      const idHash = hashBlobId(blobId);
      const blob = {
        id_hash: idHash,
        token_hash: tokenHash(token),
        size,
        expires_at: endOf(now(), UPLOAD_LIFE),
      };
      const reply = await database.write(redeemTicket(tokenHash(ticket), blob, now()), NO_GROUPS);
      if (!reply.ok) return reply;
      return (await guarded(() => files.make(idHash))) ?? { ...reply, blobId, token, size };
    },
    async checkToken(blobId, token) {
      const found = await find(blobId);
      if (!found.ok) return found;
      if (!isToken(token, found.row.token_hash)) return refuse("BLOB_TOKEN_REFUSED");
      return { ok: true, deleted: found.row.state === "deleted" };
    },
    async upload(blobId) {
      const found = await findKept(blobId);
      if (!found.ok) return found;
      const { size, stored, expires_at: expires } = found.row;
      return { ok: true, size, stored, expires };
    },
    async write(blobId, offset, source) {
      const found = await findKept(blobId);
      if (!found.ok) return found;
      const { row, idHash } = found;
      if (row.stored !== offset) return refuse("BLOB_OFFSET_CONFLICT");
      return writeBlob({
        files,
        idHash,
        size: row.size,
        from: offset,
        source,
        keepFree: limits.diskKeptFree,
        onFault,
        advance: (from, to) => {
          const times = { now: now(), completeUntil: endOf(now(), limits.blobDays * DAY) };
          return database.write(advanceBlob(idHash, { from, to, size: row.size }, times), NO_GROUPS);
        },
      });
    },
    async delete(blobId) {
      const idHash = hashBlobId(blobId);
      const buried = await database.write(buryBlob(idHash, endOf(now(), TICKET_LIFE)), NO_GROUPS);
      if (!buried.ok) return buried;
      // Should this fail, the sweep comes back to it.
      return (await guarded(() => files.erase(idHash))) ?? buried;
    },
    async find(blobId) {
      const found = await findKept(blobId);
      if (!found.ok) return found;
      const { row, idHash } = found;
      if (row.state !== "complete") return refuse("BLOB_UNKNOWN");
      let length: number | undefined;
      const failed = await guarded(async () => {
        length = await files.size(idHash);
      });
      if (failed !== undefined) return failed;
      if (length !== row.size) {
        // Files and database come from two different backups.
        onFault(new Error("a blob's file is missing or has another size"));
        return refuse("BLOB_UNKNOWN");
      }
      const tag = `"${Buffer.from(idHash.subarray(0, 16)).toString("hex")}"`;
      return { ok: true, path: files.path(idHash), size: row.size, tag };
    },
    async sweep() {
      const reply = await database.write(buryExpired(now(), SWEPT), NO_GROUPS);
      if (!reply.ok) return "done";
      const gone: Uint8Array[] = [];
      for (const idHash of reply.buried) {
        if ((await guarded(() => files.erase(idHash))) === undefined) gone.push(idHash);
      }
      if (gone.length > 0) await database.write(forgetBlobs(gone), NO_GROUPS);
      return gone.length === SWEPT || reply.tickets === SWEPT ? "more" : "done";
    },
  };
}

/** Who may upload: a logged-in device, within the limits of size and day, while there is room. */
function createTicketOffice(options: BlobsOptions): Blobs["ticket"] {
  const { files, database, now, random, limits, onFault } = options;
  const quota = createUploadQuota({ now, perDay: limits.blobBytesPerDay });

  return async ({ userId }, { size }) => {
    if (size > limits.blob) return refuse("PAYLOAD_TOO_LARGE", { limit: limits.blob });
    try {
      if ((await files.room()) < size + limits.diskKeptFree) return refuse("DISK_FULL");
    } catch (error) {
      onFault(error);
      return refuse("STORE_FAILED");
    }
    const turn = quota.take(userId, size);
    if (!turn.ok)
      return refuse("RATE_LIMITED", { limit: limits.blobBytesPerDay, retryAfter: turn.retryAfter });
    const ticket = random(32);
    const expires = now() + TICKET_LIFE;
    const kept = await database.write(
      keepTicket({ ticket_hash: tokenHash(ticket), size, expires_at: expires }),
      NO_GROUPS,
    );
    if (kept.ok) return { ok: true, ticket, expires, keptFor: limits.blobDays * DAY };
    turn.giveBack();
    return kept;
  };
}
