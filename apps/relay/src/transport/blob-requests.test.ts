import type { OutgoingHttpHeaders } from "node:http";
import { BLOB_HEADERS, LIMITS } from "@thicket/protocol";
import { onFile } from "@thicket/storage/contract";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type HttpAnswer, refusalOf } from "../testing/ask-http.ts";
import { serveBlobs, type ServedBlobs } from "../testing/serve-blobs.ts";
import { appendHeaders, TUS } from "../testing/uploader.ts";

const KIB = 1024;

let served: ServedBlobs;
afterEach(async () => {
  await served.close();
  expect(served.faults).toEqual([]);
});

async function serve() {
  served = await serveBlobs(onFile);
  return served;
}

describe("bad requests", () => {
  it("[BLOB-REQUEST-1] each is refused with its code, and none is repeated in the answer", async () => {
    const { uploader, begin, put, ticket, random } = await serve();
    const blob = await begin(4 * KIB);
    const done = await put(KIB);
    const bytes = random.bytes(16);
    const patch = (change: OutgoingHttpHeaders) => uploader.append(blob, 0, bytes, change);
    const post = async (change: OutgoingHttpHeaders) => uploader.create(await ticket(KIB), KIB, change);
    const raw = uploader.ask;
    const token = { [BLOB_HEADERS.token]: blob.token };
    const cases: [string, () => Promise<HttpAnswer>][] = [
      ["404 BLOB_UNKNOWN", () => raw("GET", "/blobs/canary")],
      ["404 BLOB_UNKNOWN", () => raw("GET", "/blobs/")],
      ["404 BLOB_UNKNOWN", () => raw("GET", `${done.path}?canary`)],
      ["404 BLOB_UNKNOWN", () => raw("GET", `${done.path}/`)],
      ["404 BLOB_UNKNOWN", () => raw("GET", done.path.toUpperCase().replace("BLOBS", "blobs"))],
      ["404 BLOB_UNKNOWN", () => raw("GET", `/blobs/${"00".repeat(32)}`)],
      ["404 BLOB_UNKNOWN", () => raw("GET", "/blobs/../delivery.sqlite")],
      ["404 BLOB_UNKNOWN", () => raw("GET", "/blobs/..%2fdelivery.sqlite")],
      ["404 BLOB_UNKNOWN", () => raw("GET", "/blobs/%2e%2e/delivery.sqlite")],
      ["404 BLOB_UNKNOWN", () => raw("GET", `/blobs/${String(served.files()[0])}`)],
      ["404 BLOB_UNKNOWN", () => raw("GET", `/blobs/${"a".repeat(8000)}`)],
      ["405 METHOD_REFUSED", () => raw("GET", "/blobs")],
      ["405 METHOD_REFUSED", () => raw("PATCH", "/blobs", TUS)],
      ["405 METHOD_REFUSED", () => raw("POST", blob.path, TUS)],
      ["405 METHOD_REFUSED", () => raw("PUT", blob.path, TUS)],
      ["405 METHOD_REFUSED", () => raw("PROPFIND", blob.path)],
      ["405 METHOD_REFUSED", () => raw("TRACE", blob.path)],
      ["403 ORIGIN_REFUSED", () => uploader.download(done, { Origin: "https://canary.example" })],
      ["403 ORIGIN_REFUSED", () => patch({ Origin: "null" })],
      ["412 TUS_VERSION_UNSUPPORTED", () => patch({ "Tus-Resumable": "0.2.2" })],
      ["412 TUS_VERSION_UNSUPPORTED", () => raw("PATCH", blob.path, token)],
      ["412 TUS_VERSION_UNSUPPORTED", () => raw("POST", "/blobs")],
      ["415 CONTENT_TYPE_REFUSED", () => patch({ "Content-Type": "text/canary" })],
      ["400 MALFORMED_REQUEST", () => patch({ "Upload-Offset": "-1" })],
      ["400 MALFORMED_REQUEST", () => patch({ "Upload-Offset": "0x10" })],
      ["400 MALFORMED_REQUEST", () => patch({ "Upload-Offset": "canary" })],
      ["400 MALFORMED_REQUEST", () => patch({ "Upload-Offset": ["0", "0"] })],
      ["400 MALFORMED_REQUEST", () => patch({ "Upload-Offset": "99999999999999999999" })],
      ["400 MALFORMED_REQUEST", () => patch({ "Upload-Checksum": "sha1 canary" })],
      [
        "411 LENGTH_REQUIRED",
        () => {
          const { "Content-Length": _, ...headers } = appendHeaders(blob, 0, 0);
          return raw("PATCH", blob.path, { ...headers, "Transfer-Encoding": "chunked" }, bytes);
        },
      ],
      ["403 BLOB_TICKET_REFUSED", () => post({ [BLOB_HEADERS.ticket]: "canary" })],
      ["403 BLOB_TICKET_REFUSED", () => post({ [BLOB_HEADERS.ticket]: [] })],
      ["403 BLOB_TICKET_REFUSED", () => post({ "Upload-Length": 2 * KIB })],
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Length": KIB + 1 })],
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Length": 0 })],
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Length": "canary" })],
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Length": "1e3" })],
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Length": [] })],
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Defer-Length": "1" })],
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Concat": "partial" })],
      // A name or a type would tell of what is in it.
      ["400 MALFORMED_REQUEST", () => post({ "Upload-Metadata": "filename Y2FuYXJ5" })],
      [
        "400 MALFORMED_REQUEST",
        async () =>
          raw(
            "POST",
            "/blobs",
            {
              ...TUS,
              "Upload-Length": KIB,
              "Content-Type": "application/offset+octet-stream",
              [BLOB_HEADERS.ticket]: Buffer.from(await ticket(KIB)).toString("hex"),
            },
            bytes,
          ),
      ],
      ["413 PAYLOAD_TOO_LARGE", () => post({ "Upload-Length": 2 * LIMITS.blob })],
    ];
    for (const [index, [code, ask]] of cases.entries()) {
      const answer = await ask();
      expect(refusalOf(answer), `case ${index}`).toBe(code);
      expect(answer.headers["content-type"], `case ${index}`).toBe("application/json");
      expect(JSON.stringify(answer.headers) + answer.body.toString(), `case ${index}`).not.toMatch(
        /canary|Y2FuYXJ5/,
      );
    }
    // A method override is no way round.
    const override = await uploader.append(blob, 0, bytes, { "X-HTTP-Method-Override": "DELETE" });
    expect(override).toMatchObject({ status: 204, headers: { "upload-offset": "16" } });
    expect(await uploader.ask("GET", done.path, { "X-Large": "x".repeat(20_000) })).toMatchObject({
      status: 431,
    });
    expect((await uploader.download(done)).body.equals(done.bytes)).toBe(true);
  });

  it("[BLOB-FUZZ-1] random methods, paths, headers and bodies are answered with a code and change no blob", async () => {
    const { uploader, put, begin, random, files } = await serve();
    const done = await put(KIB);
    const blob = await begin(KIB);
    const text = fc.oneof(
      fc.constantFrom(
        "",
        "0",
        "1",
        "16",
        "1024",
        "-1",
        "1e9",
        "1.0.0",
        "bytes=0-",
        "application/offset+octet-stream",
      ),
      fc.constantFrom(uploader.url, "null", '"x"', "*", "chunked", "close", "100-continue"),
      fc.stringMatching(/^[!-~]{0,40}$/),
    );
    const names = [
      "Tus-Resumable",
      "Upload-Length",
      "Upload-Offset",
      "Upload-Metadata",
      "Upload-Concat",
      "Content-Type",
      "Range",
      "If-Range",
      "If-Match",
      "If-None-Match",
      "If-Modified-Since",
      "Origin",
      "Blob-Ticket",
      "Accept",
    ];
    const tail = fc.stringMatching(/^[!-~]{0,80}$/);
    const path = fc.oneof(
      fc.constantFrom("/blobs", "/blobs/", done.path, blob.path, "/blobs/..", `/blobs/${"0".repeat(64)}`),
      tail.map((more) => `/blobs/${more}`),
      tail.map((more) => `${done.path}${more}`),
    );
    const statuses = new Set<number | undefined>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT", "TRACE", "PROPFIND"),
        path,
        fc.dictionary(fc.constantFrom(...names), text, { maxKeys: 6 }),
        fc.boolean(),
        fc.uint8Array({ maxLength: 50 }),
        async (method, at, headers, asOwner, body) => {
          // The owner may do all of this, but delete: that is for the others to try.
          const own: OutgoingHttpHeaders =
            asOwner && method !== "DELETE" && at === blob.path
              ? { ...TUS, [BLOB_HEADERS.token]: blob.token }
              : {};
          const length = { "Content-Length": body.length };
          const answer = await uploader.ask(method, at, { ...headers, ...own, ...length }, body);
          statuses.add(answer.status);
          expect(answer.status).toBeLessThan(500);
          if (Number(answer.status) >= 400 && method !== "HEAD") refusalOf(answer);
        },
      ),
      { numRuns: 1500 },
    );
    for (const status of [200, 204, 400, 403, 404, 405, 412]) expect(statuses).toContain(status);
    expect((await uploader.download(done)).body.equals(done.bytes)).toBe(true);
    const offset = await uploader.storedOf(blob);
    await uploader.append(blob, offset, random.bytes(KIB - offset));
    expect(await uploader.download(blob)).toMatchObject({ status: 200 });
    expect(files()).toHaveLength(2);
  });
});
