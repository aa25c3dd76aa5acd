import { type ClientRequest, type OutgoingHttpHeaders, request } from "node:http";
import { BLOB_HEADERS } from "@thicket/protocol";
import { askHttp, type HttpAnswer } from "./ask-http.ts";

export const TUS = { "Tus-Resumable": "1.0.0" };

export interface CreatedUpload {
  path: string;
  token: string;
}

/** The uploader's requests, as an honest client would write them, with room to change any header. */
export function uploaderAt(url: string) {
  const ask = (method: string, path: string, headers: OutgoingHttpHeaders = {}, body?: Uint8Array) =>
    askHttp(url, method, path, headers, body);
  const own = ({ token }: CreatedUpload) => ({ ...TUS, [BLOB_HEADERS.token]: token });

  return {
    url,
    ask,
    create: (ticket: Uint8Array, size: number, change: OutgoingHttpHeaders = {}) =>
      ask("POST", "/blobs", {
        ...TUS,
        "Upload-Length": size,
        [BLOB_HEADERS.ticket]: Buffer.from(ticket).toString("hex"),
        ...change,
      }),
    append: (blob: CreatedUpload, offset: number, bytes: Uint8Array, change: OutgoingHttpHeaders = {}) =>
      ask("PATCH", blob.path, { ...appendHeaders(blob, offset, bytes.length), ...change }, bytes),
    /** Begins to append `announced` bytes, and sends a part of them. */
    appendPart(blob: CreatedUpload, offset: number, announced: number, part: Uint8Array): ClientRequest {
      const { hostname, port } = new URL(url);
      const headers = appendHeaders(blob, offset, announced);
      const asked = request({ hostname, port, method: "PATCH", path: blob.path, headers, agent: false });
      asked.on("error", () => undefined);
      asked.write(part);
      return asked;
    },
    offset: (blob: CreatedUpload) => ask("HEAD", blob.path, own(blob)),
    async storedOf(blob: CreatedUpload): Promise<number> {
      return Number((await ask("HEAD", blob.path, own(blob))).headers["upload-offset"]);
    },
    delete: (blob: CreatedUpload, change: OutgoingHttpHeaders = {}) =>
      ask("DELETE", blob.path, { ...own(blob), ...change }),
    download: ({ path }: { path: string }, headers: OutgoingHttpHeaders = {}) => ask("GET", path, headers),
  };
}

export type Uploader = ReturnType<typeof uploaderAt>;

export function appendHeaders({ token }: CreatedUpload, offset: number, length: number): OutgoingHttpHeaders {
  return {
    ...TUS,
    [BLOB_HEADERS.token]: token,
    "Upload-Offset": offset,
    "Content-Type": "application/offset+octet-stream",
    "Content-Length": length,
  };
}

/** Where the blob is and what its uploader shows; throws where it wasn't created. */
export function createdBy({ status, headers }: HttpAnswer): CreatedUpload {
  const { location, [BLOB_HEADERS.token.toLowerCase()]: token } = headers;
  if (status !== 201 || location === undefined || typeof token !== "string") {
    throw new Error(`not created: ${status}`);
  }
  return { path: location, token };
}
