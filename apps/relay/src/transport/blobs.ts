import type { IncomingMessage, ServerResponse } from "node:http";
import { basename, dirname } from "node:path";
import type { Blobs } from "@thicket/delivery-service";
import {
  BLOB_ERROR_STATUS,
  BLOB_HEADERS,
  type BlobError,
  type BlobErrorCode,
  BlobId,
  BLOBS_PATH,
  fromHex,
  padBlobSize,
} from "@thicket/protocol";
import send from "send";
import * as v from "valibot";
import type { Log } from "../log.ts";
import { createBlobUploads, toBlobError } from "./blob-uploads.ts";
import { type Body, receiveBody } from "./receive-body.ts";

const TUS = "1.0.0";
/** Bytes of a refused request's body that are read so that its sender reads the answer; who sends more is cut. */
const DISCARDED = 1024 * 1024;

export interface BlobRoutesOptions {
  blobs: Blobs;
  origins: readonly string[];
  log: Log;
  limits?: Partial<TransferLimits>;
}

export interface TransferLimits {
  /** A sender that gives nothing, or a receiver that takes nothing, for so long (ms) is cut. */
  idle: number;
  /** A download that takes longer (ms) is cut; a range goes on where it ended. */
  download: number;
  /** Uploads and downloads at once. */
  transfers: number;
}

const DEFAULT_LIMITS: TransferLimits = { idle: 30_000, download: 15 * 60_000, transfers: 500 };

export interface BlobRoutes {
  /** Answers a request whose path is {@link BLOBS_PATH} or below; the headers of a bare answer are set already. */
  handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Takes nothing more and ends what is under way; what came of an upload is on the disk when this settles. */
  stop(): Promise<void>;
}

/** A refusal, and what its answer carries beside the code. */
class Refused extends Error {
  readonly error: BlobError;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: BlobErrorCode | BlobError, headers: Readonly<Record<string, string>> = {}) {
    super(typeof code === "string" ? code : code.code);
    this.error = typeof code === "string" ? { code } : code;
    this.headers = headers;
  }
}

/** Encrypted blobs over HTTP, as `@thicket/protocol` describes it. */
export function createBlobRoutes(options: BlobRoutesOptions): BlobRoutes {
  const { blobs, origins, log } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const uploads = createBlobUploads(blobs, log);
  const appends = new Set<{ body: Body; done: Promise<void> }>();
  let transfers = 0;
  let stopping = false;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const id = readPath(request.url ?? "");
      const { origin } = request.headers;
      if (origin !== undefined && !origins.includes(origin)) throw new Refused("ORIGIN_REFUSED");
      if (stopping) throw new Refused("SHUTTING_DOWN");
      await route(request, response, id);
    } catch (thrown) {
      if (!(thrown instanceof Refused)) log.fault(thrown);
      refuse(request, response, thrown instanceof Refused ? thrown : new Refused("INTERNAL"));
    }
  }

  async function route(request: IncomingMessage, response: ServerResponse, id: BlobId | "none") {
    const { method } = request;
    const isTus = request.headers["tus-resumable"] !== undefined;
    if (method === "OPTIONS") return upload(request, response);
    if (id === "none") {
      if (method !== "POST") throw new Refused("METHOD_REFUSED", { Allow: "OPTIONS, POST" });
      return create(request, response);
    }
    if (method === "GET" || (method === "HEAD" && !isTus)) {
      return transfer(() => download(request, response, id));
    }
    if (method !== "HEAD" && method !== "PATCH" && method !== "DELETE") {
      throw new Refused("METHOD_REFUSED", { Allow: "OPTIONS, GET, HEAD, PATCH, DELETE" });
    }
    checkTus(request);
    const checked = await blobs.checkToken(id, readSecret(request, "token"));
    if (!checked.ok) throw new Refused(toBlobError(checked.error));
    if (checked.deleted && method === "DELETE")
      return void response.writeHead(204, { "Tus-Resumable": TUS }).end();
    return method === "PATCH"
      ? transfer(() => patch(request, response, id))
      : upload(request, response, { id });
  }

  async function create(request: IncomingMessage, response: ServerResponse) {
    checkTus(request);
    const size = readCount(request, "upload-length");
    if (padBlobSize(size) !== size || hasBody(request)) throw new Refused("MALFORMED_REQUEST");
    if (size > blobs.sizeLimit) throw new Refused({ code: "PAYLOAD_TOO_LARGE", limit: blobs.sizeLimit });
    const reply = await blobs.create(readSecret(request, "ticket"), size);
    if (!reply.ok) throw new Refused(toBlobError(reply.error));
    response.setHeader(BLOB_HEADERS.token, Buffer.from(reply.token).toString("hex"));
    await upload(request, response, { id: reply.blobId, isNew: true });
  }

  async function patch(request: IncomingMessage, response: ServerResponse, id: BlobId) {
    if (request.headers["content-type"] !== "application/offset+octet-stream") {
      throw new Refused("CONTENT_TYPE_REFUSED");
    }
    readCount(request, "upload-offset");
    // Without it, more than fits would be noticed only when it is there.
    if (request.headers["content-length"] === undefined) throw new Refused("LENGTH_REQUIRED");
    const body = receiveBody(request, limits.idle);
    const append = { body, done: upload(request, response, { id, body }) };
    appends.add(append);
    try {
      await append.done;
    } finally {
      body.stop();
      appends.delete(append);
    }
  }

  /** The part of a request that tus answers. */
  async function upload(
    request: IncomingMessage,
    response: ServerResponse,
    { id, body, isNew = false }: { id?: BlobId; body?: Body; isNew?: boolean } = {},
  ) {
    const asked = toWebRequest(request, isNew ? undefined : id, body);
    const { response: reply, error } = await uploads.handle(asked, isNew ? id : undefined);
    if (error !== undefined) throw new Refused(error);
    // tus checked what was checked here before; should it see more, its text is not passed on.
    if (!reply.ok) throw new Refused("MALFORMED_REQUEST");
    // Its Access-Control headers stay behind: other origins have no business here.
    for (const [name, value] of reply.headers) {
      if (/^(?:tus|upload)-|^location$/.test(name)) response.setHeader(name, value);
    }
    const end = body?.ended();
    if (end === "idle") throw new Refused("REQUEST_TIMEOUT", { Connection: "close" });
    if (end === "stopped" && stopping) throw new Refused("SHUTTING_DOWN");
    if (id !== undefined && request.method !== "DELETE") {
      const now = await blobs.upload(id);
      if (now.ok && now.stored < now.size) {
        response.setHeader("Upload-Expires", new Date(now.expires).toUTCString());
      }
    }
    response.writeHead(reply.status).end();
  }

  async function download(request: IncomingMessage, response: ServerResponse, id: BlobId) {
    const found = await blobs.find(id);
    if (!found.ok) throw new Refused(toBlobError(found.error));
    response.setHeader("Content-Type", "application/octet-stream");
    response.setHeader("Content-Disposition", "attachment");
    response.setHeader("ETag", found.tag);
    response.setTimeout(limits.idle, () => response.destroy());
    const cut = setTimeout(() => response.destroy(), limits.download);
    try {
      await new Promise<void>((resolve, reject) => {
        response.on("close", resolve);
        send(request, basename(found.path), {
          root: dirname(found.path),
          cacheControl: false,
          lastModified: false,
          etag: false,
          index: false,
        })
          .on("error", (error: unknown) => reject(describeSendError(error)))
          .pipe(response);
      });
    } finally {
      clearTimeout(cut);
    }
  }

  async function transfer(run: () => Promise<void>): Promise<void> {
    if (transfers >= limits.transfers) {
      throw new Refused({ code: "RATE_LIMITED", limit: limits.transfers, retryAfter: 1000 });
    }
    transfers += 1;
    try {
      await run();
    } finally {
      transfers -= 1;
    }
  }

  return {
    handle(request, response) {
      response.setHeader("Cache-Control", "no-store");
      const { method } = request;
      void answer(request, response).then(() =>
        log.debug("blob request", { method, status: response.statusCode }),
      );
    },
    async stop() {
      stopping = true;
      for (const { body } of appends) body.stop();
      await Promise.allSettled([...appends].map(({ done }) => done));
    },
  };
}

/** `/blobs`, or one blob. Anything else names none. */
function readPath(url: string): BlobId | "none" {
  if (url === BLOBS_PATH) return "none";
  const parsed = v.safeParse(BlobId, url.slice(BLOBS_PATH.length + 1));
  if (!url.startsWith(`${BLOBS_PATH}/`) || !parsed.success) throw new Refused("BLOB_UNKNOWN");
  return parsed.output;
}

/** Extensions that aren't offered: passed over, they would leave the client in a wrong belief; metadata would tell of the content. */
const NOT_OFFERED = ["upload-metadata", "upload-defer-length", "upload-concat", "upload-checksum"];

function checkTus({ headers }: IncomingMessage): void {
  if (headers["tus-resumable"] !== TUS) throw new Refused("TUS_VERSION_UNSUPPORTED", { "Tus-Version": TUS });
  if (NOT_OFFERED.some((name) => headers[name] !== undefined)) throw new Refused("MALFORMED_REQUEST");
}

function readCount({ headers }: IncomingMessage, name: string): number {
  const text = headers[name];
  if (typeof text !== "string" || !/^(?:0|[1-9]\d{0,14})$/.test(text)) throw new Refused("MALFORMED_REQUEST");
  return Number(text);
}

function readSecret({ headers }: IncomingMessage, name: "ticket" | "token"): Uint8Array {
  const text = headers[BLOB_HEADERS[name].toLowerCase()];
  if (typeof text !== "string" || !/^[0-9a-f]{64}$/.test(text)) {
    throw new Refused(name === "ticket" ? "BLOB_TICKET_REFUSED" : "BLOB_TOKEN_REFUSED");
  }
  return fromHex(text);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0;
}

/** What tus sees of a request: its own headers and the body, if it is to read one. */
function toWebRequest(request: IncomingMessage, id: BlobId | undefined, body: Body | undefined): Request {
  const headers = new Headers();
  for (const name of ["tus-resumable", "upload-length", "upload-offset"]) {
    const value = request.headers[name];
    if (typeof value === "string") headers.set(name, value);
  }
  if (body !== undefined) {
    headers.set("content-type", "application/offset+octet-stream");
    headers.set("content-length", request.headers["content-length"] ?? "0");
  }
  return new Request(`http://relay${BLOBS_PATH}${id === undefined ? "" : `/${id}`}`, {
    method: request.method ?? "",
    headers,
    ...(body === undefined ? {} : { body: body.stream, duplex: "half" }),
  });
}

const SEND_STATUS: Readonly<Record<number, BlobErrorCode>> = {
  404: "BLOB_UNKNOWN",
  412: "PRECONDITION_FAILED",
  416: "RANGE_REFUSED",
};

function describeSendError(error: unknown): unknown {
  if (!(error instanceof Error) || !("status" in error)) return error;
  const code = SEND_STATUS[Number(error.status)];
  if (code === undefined) return error;
  const headers: unknown = "headers" in error ? error.headers : undefined;
  const range: unknown =
    typeof headers === "object" && headers !== null && "Content-Range" in headers
      ? headers["Content-Range"]
      : undefined;
  return new Refused(code, typeof range === "string" ? { "Content-Range": range } : {});
}

function refuse(request: IncomingMessage, response: ServerResponse, { error, headers }: Refused): void {
  if (response.headersSent) return void response.destroy();
  for (const name of ["Content-Disposition", "Content-Range", "Accept-Ranges", "ETag"])
    response.removeHeader(name);
  const body = `${JSON.stringify({ error })}\n`;
  response.writeHead(BLOB_ERROR_STATUS[error.code], {
    ...headers,
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    ...(error.retryAfter === undefined ? {} : { "Retry-After": Math.ceil(error.retryAfter / 1000) }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
  discardBody(request);
}

/** A sender that is cut amid sending may never read the answer. */
function discardBody(request: IncomingMessage): void {
  let left = DISCARDED;
  request.on("data", (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
  request.on("error", () => undefined);
}
