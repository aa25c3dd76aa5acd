import * as v from "valibot";
import { Token } from "./envelope.ts";
import { replyOf } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/**
 * Encrypted blobs over HTTP. A device asks for a ticket over its socket (`blob.ticket`) and creates the blob with it;
 * the bytes follow by tus 1.0.0 (https://tus.io/protocols/resumable-upload). Requests with `Tus-Resumable` are the
 * uploader's and show the blob's token, but for creation and OPTIONS. Those without it are downloads, by whoever
 * knows the id.
 *
 * | request                                                   | answer                                            |
 * | --------------------------------------------------------- | ------------------------------------------------- |
 * | POST /blobs, Upload-Length, Blob-Ticket                   | 201, Location, Blob-Token, Upload-Expires         |
 * | HEAD /blobs/ID, Tus-Resumable, Blob-Token                 | 200, Upload-Offset, Upload-Length, Upload-Expires |
 * | PATCH /blobs/ID, Upload-Offset, Content-Length, Blob-Token | 204, Upload-Offset, Upload-Expires               |
 * | DELETE /blobs/ID, Tus-Resumable, Blob-Token               | 204                                               |
 * | GET or HEAD /blobs/ID, Range, If-Range, If-None-Match     | 200, 206 or 304, ETag                             |
 * | OPTIONS /blobs                                            | 204, Tus-Version, Tus-Extension, Tus-Max-Size     |
 *
 * `Upload-Offset` counts what is on the disk. The same ticket again gives the same blob and token. What is refused is
 * answered with a status of {@link BLOB_ERROR_STATUS} and a body that {@link BlobErrorBody} describes.
 */
export const BLOBS_PATH = "/blobs";

/** 32 bytes that can't be guessed, lower-case hexadecimal: who knows them may download. */
export const BlobId = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/), v.brand("BlobId"));
export type BlobId = v.InferOutput<typeof BlobId>;

/** Tickets and tokens travel as lower-case hexadecimal. */
export const BLOB_HEADERS = { ticket: "Blob-Ticket", token: "Blob-Token" } as const;

/** Every way in which a request for blobs is refused, with its HTTP status. Codes are stable; those of the socket mean the same here. */
export const BLOB_ERROR_STATUS = {
  MALFORMED_REQUEST: 400,
  BLOB_TICKET_REFUSED: 403,
  BLOB_TOKEN_REFUSED: 403,
  ORIGIN_REFUSED: 403,
  BLOB_UNKNOWN: 404,
  METHOD_REFUSED: 405,
  REQUEST_TIMEOUT: 408,
  BLOB_OFFSET_CONFLICT: 409,
  LENGTH_REQUIRED: 411,
  PRECONDITION_FAILED: 412,
  TUS_VERSION_UNSUPPORTED: 412,
  PAYLOAD_TOO_LARGE: 413,
  CONTENT_TYPE_REFUSED: 415,
  RANGE_REFUSED: 416,
  BLOB_BUSY: 423,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  STORE_FAILED: 500,
  SHUTTING_DOWN: 503,
  DISK_FULL: 507,
} as const;
export type BlobErrorCode = keyof typeof BLOB_ERROR_STATUS;

/** It never repeats what the request held. `limit` in bytes or transfers, `retryAfter` in ms. */
export const BlobErrorBody = v.object({
  error: v.object({
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table above
    code: v.picklist(Object.keys(BLOB_ERROR_STATUS) as BlobErrorCode[]),
    limit: v.optional(v.number()),
    retryAfter: v.optional(v.number()),
  }),
});
export type BlobError = v.InferOutput<typeof BlobErrorBody>["error"];

const SMALLEST = 1024;

/**
 * The smallest size that a blob of this many bytes may have (Padmé, https://lbarman.ch/blog/padme/): at most 12% more,
 * and so few sizes that one tells little of what is in it. The sender pads before it encrypts, so that the ciphertext
 * has this size.
 */
export function padBlobSize(length: number): number {
  if (length <= SMALLEST) return SMALLEST;
  // The exponent, and the bits that are needed to write it: so many of the leading bits may differ from zero.
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(length / step) * step;
}

const PaddedSize = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(SMALLEST),
  v.maxValue(LIMITS.blobCeiling),
  v.check((size) => padBlobSize(size) === size),
);

/** Room for one blob of exactly `size` bytes. `expires` is the ticket's end; a finished blob is kept for `keptFor` ms. */
export const blobTicket = {
  request: v.object({ size: PaddedSize }),
  reply: replyOf({ ticket: Token, expires: v.number(), keptFor: v.number() }),
} as const;
