import type { Readable } from "node:stream";
import type { Blobs, Upload as StoredUpload } from "@thicket/delivery-service";
import {
  BLOB_ERROR_STATUS,
  type BlobError,
  type BlobErrorCode,
  BlobId,
  BLOBS_PATH,
  type WireError,
} from "@thicket/protocol";
import { Server } from "@tus/server";
import { DataStore, Upload } from "@tus/utils";
import * as v from "valibot";
import type { Log } from "../log.ts";
import { createUploadLocker } from "./upload-locker.ts";

/** After another request asked for the upload, the one under way gets so long (ms) to end by itself. */
const DRAIN = 1000;

export interface BlobUploads {
  /** For a request whose headers and token are checked. `id` is what a creation is to have. */
  handle(request: Request, id?: BlobId): Promise<{ response: Response; error: BlobError | undefined }>;
}

/** The tus protocol (creation, termination, expiration) over the Delivery Service's blobs. */
export function createBlobUploads(blobs: Blobs, log: Log): BlobUploads {
  const created = new WeakMap<object, BlobId>();
  const refused = new WeakMap<object, BlobError>();
  const tus = new Server({
    path: BLOBS_PATH,
    relativeLocation: true,
    datastore: new BlobStore(blobs),
    locker: createUploadLocker({ busy: () => new BlobRefusal({ code: "BLOB_BUSY" }) }),
    lockDrainTimeout: DRAIN,
    maxSize: blobs.sizeLimit,
    namingFunction(request) {
      const id = created.get(request);
      if (id === undefined) throw new Error("a creation without an id");
      return id;
    },
    onResponseError(request, thrown) {
      const error = describe(thrown);
      if (error === undefined) log.fault(thrown);
      refused.set(request, error ?? { code: "INTERNAL" });
      // Its text is written by whoever called.
      return { status_code: BLOB_ERROR_STATUS[error?.code ?? "INTERNAL"], body: "" };
    },
  });

  return {
    async handle(request, id) {
      if (id !== undefined) created.set(request, id);
      const response = await tus.handleWeb(request);
      return { response, error: refused.get(request) };
    },
  };
}

/** tus speaks of uploads by id; whoever asks has been checked before. */
class BlobStore extends DataStore {
  override extensions = ["creation", "termination", "expiration"];
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    super();
    this.#blobs = blobs;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { size, stored } = accepted<StoredUpload>(await this.#blobs.upload(v.parse(BlobId, id)));
    return new Upload({ id, size, offset: stored });
  }

  override async write(source: Readable, id: string, offset: number): Promise<number> {
    return accepted(await this.#blobs.write(v.parse(BlobId, id), offset, source)).stored;
  }

  override async remove(id: string): Promise<void> {
    accepted(await this.#blobs.delete(v.parse(BlobId, id)));
  }
}

/** How a refusal goes through tus, which knows exceptions only. */
class BlobRefusal extends Error {
  readonly error: BlobError;

  constructor(error: BlobError) {
    super(error.code);
    this.error = error;
  }
}

function accepted<T extends { ok: true }>(reply: T | { ok: false; error: WireError }): T {
  if (!reply.ok) throw new BlobRefusal(toBlobError(reply.error));
  return reply;
}

/** The Delivery Service refuses blobs with codes that HTTP knows. */
export function toBlobError({ code, limit, retryAfter }: WireError): BlobError {
  return {
    code: isBlobErrorCode(code) ? code : "INTERNAL",
    ...(limit === undefined ? {} : { limit }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

function isBlobErrorCode(code: string): code is BlobErrorCode {
  return Object.hasOwn(BLOB_ERROR_STATUS, code);
}

const BY_STATUS: Readonly<Record<number, BlobErrorCode>> = {
  403: "MALFORMED_REQUEST",
  404: "BLOB_UNKNOWN",
  409: "BLOB_OFFSET_CONFLICT",
  410: "BLOB_UNKNOWN",
  413: "PAYLOAD_TOO_LARGE",
};

/** What tus threw, or undefined for a bug. Its own errors are plain objects with a status. */
function describe(thrown: unknown): BlobError | undefined {
  if (thrown instanceof BlobRefusal) return thrown.error;
  if (typeof thrown !== "object" || thrown === null || !("status_code" in thrown)) return undefined;
  const code = BY_STATUS[Number(thrown.status_code)];
  return code === undefined ? undefined : { code };
}
