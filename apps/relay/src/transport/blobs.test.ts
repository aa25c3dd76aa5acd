import type { OutgoingHttpHeaders } from "node:http";
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { deviceFrom } from "@thicket/delivery-service/testing";
import { LIMITS } from "@thicket/protocol";
import { describeOnEachKeptDatabase, type MakeDatabase, onFile } from "@thicket/storage/contract";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { refusalOf } from "../testing/ask-http.ts";
import { until } from "../testing/person.ts";
import { serveBlobs, type ServedBlobs } from "../testing/serve-blobs.ts";
import { createdBy } from "../testing/uploader.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

let served: ServedBlobs;
let expectedFaults = 0;
afterEach(async () => {
  await served.close();
  expect(served.faults).toHaveLength(expectedFaults);
  expectedFaults = 0;
});

async function serveOn(make: MakeDatabase, options: Parameters<typeof serveBlobs>[1] = {}) {
  served = await serveBlobs(make, options);
  return served;
}

describe("a download", () => {
  it("[BLOB-RANGE-1] any single range is that part of the whole; what can't be satisfied is refused", async () => {
    const { uploader, put } = await serveOn(onFile);
    const size = 9 * KIB;
    const blob = await put(size);
    await fc.assert(
      fc.asyncProperty(fc.nat(size - 1), fc.nat(2 * size), async (from, length) => {
        const to = from + length;
        const part = await uploader.download(blob, { Range: `bytes=${from}-${to}` });
        const end = Math.min(to, size - 1);
        expect(part.status).toBe(206);
        expect(part.headers["content-range"]).toBe(`bytes ${from}-${end}/${size}`);
        expect(part.body.equals(blob.bytes.subarray(from, end + 1))).toBe(true);
      }),
      { numRuns: 50 },
    );
    const get = (Range: string, more: OutgoingHttpHeaders = {}) =>
      uploader.download(blob, { Range, ...more });
    expect((await get("bytes=-100")).body.equals(blob.bytes.subarray(-100))).toBe(true);
    expect((await get("bytes=9000-")).body.equals(blob.bytes.subarray(9000))).toBe(true);
    const beyond = await get(`bytes=${size}-`);
    expect(refusalOf(beyond)).toBe("416 RANGE_REFUSED");
    expect(beyond.headers["content-range"]).toBe(`bytes */${size}`);
    // Several ranges, other units and nonsense are passed over (RFC 9110 section 14.2).
    for (const other of ["bytes=0-1,5-6", "lines=1-2", "bytes", "bytes=x-y"]) {
      const whole = await get(other);
      expect(whole.status, other).toBe(200);
      expect(whole.body.equals(blob.bytes)).toBe(true);
    }
    const { etag } = (await uploader.download(blob)).headers;
    expect(await get("bytes=0-0", { "If-Range": etag })).toMatchObject({ status: 206 });
    expect(await get("bytes=0-0", { "If-Range": '"another"' })).toMatchObject({ status: 200 });
    expect(await uploader.download(blob, { "If-None-Match": etag })).toMatchObject({ status: 304 });
    const other = await uploader.download(blob, { "If-Match": '"another"' });
    expect(refusalOf(other)).toBe("412 PRECONDITION_FAILED");
  });

  it("[BLOB-HEADERS-1] is an opaque attachment that no cache keeps, no other origin reads and no browser guesses at", async () => {
    const { uploader, put, begin } = await serveOn(onFile);
    const blob = await put(2 * KIB);
    const common = {
      "cache-control": "no-store",
      "content-security-policy": expect.stringMatching(
        /^default-src 'none'; sandbox;.*frame-ancestors 'none'/,
      ),
      "cross-origin-resource-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    };
    const whole = await uploader.download(blob);
    const head = await uploader.ask("HEAD", blob.path);
    for (const { headers } of [whole, head]) {
      expect(headers).toMatchObject({
        ...common,
        "content-type": "application/octet-stream",
        "content-disposition": "attachment",
        "content-length": String(2 * KIB),
        "accept-ranges": "bytes",
      });
      expect(headers.etag).toMatch(/^"[0-9a-f]{32}"$/);
      expect(headers["last-modified"]).toBeUndefined();
    }
    expect(head.body).toHaveLength(0);
    const answers = [
      whole,
      head,
      await uploader.offset(await begin(KIB)),
      await uploader.ask("OPTIONS", "/blobs"),
      await uploader.ask("GET", "/blobs/x"),
      await uploader.delete(blob),
    ];
    for (const { headers } of answers) {
      expect(headers).toMatchObject(common);
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
    const [, , , offered] = answers;
    expect(offered).toMatchObject({
      status: 204,
      headers: {
        "tus-version": "1.0.0",
        "tus-extension": "creation,termination,expiration",
        "tus-max-size": String(LIMITS.blob),
      },
    });
  });
});

describeOnEachKeptDatabase("the end of a blob", (make) => {
  it("[BLOB-EXPIRE-1] an unfinished upload ends after a day and a complete blob after thirty-five, files and rows", async () => {
    const { uploader, begin, put, clock, service, files, random } = await serveOn(make);
    const unfinished = await begin(4 * KIB);
    const answer = await uploader.append(unfinished, 0, random.bytes(KIB));
    const ends = Date.parse(String(answer.headers["upload-expires"]));
    expect(ends).toBeGreaterThanOrEqual(clock.now + DAY);
    expect(ends).toBeLessThanOrEqual(clock.now + DAY + HOUR);
    const { bytes, ...complete } = await put(4 * KIB);
    await service.operations["blob.ticket"](served.device, { size: KIB });
    expect(await service.blobs.sweep()).toBe("done");
    expect(files()).toHaveLength(2);

    clock.now += DAY + HOUR;
    expect(await uploader.offset(unfinished)).toMatchObject({ status: 404 });
    expect(refusalOf(await uploader.append(unfinished, KIB, random.bytes(9)))).toBe("404 BLOB_UNKNOWN");
    await service.blobs.sweep();
    expect(files()).toHaveLength(1);
    expect((await uploader.download(complete)).body.equals(bytes)).toBe(true);

    clock.now += 34 * DAY;
    expect(refusalOf(await uploader.download(complete))).toBe("404 BLOB_UNKNOWN");
    await service.blobs.sweep();
    expect(files()).toEqual([]);
    expect(await served.rowsOf("blobs")).toEqual([]);
    expect(await served.rowsOf("blob_tickets")).toEqual([]);
  });

  it("[BLOB-EXPIRE-2] a sweep takes a bounded step and says whether there is more", async () => {
    const { clock, service, ticket, device, random } = await serveOn(make, {
      limits: { blobBytesPerDay: 2 ** 40 },
    });
    const bytes = random.bytes(KIB);
    for (let index = 0; index < 130; index++) {
      const reply = await service.blobs.create(await ticket(KIB), KIB);
      if (index % 2 === 0 && reply.ok) await service.blobs.write(reply.blobId, 0, Readable.from([bytes]));
      await service.operations["blob.ticket"](device, { size: KIB });
    }
    clock.now += 36 * DAY;
    expect(await service.blobs.sweep()).toBe("more");
    expect(served.files()).toHaveLength(30);
    expect(await service.blobs.sweep()).toBe("done");
    expect(served.files()).toEqual([]);
  });

  it("[BLOB-DELETE-1] a deleted blob is gone at once, complete or not, and deleting it again is fine", async () => {
    const { uploader, begin, put, files, clock, service } = await serveOn(make);
    const blob = await put(4 * KIB);
    const unfinished = await begin(4 * KIB);
    for (const gone of [blob, unfinished]) {
      expect(await uploader.delete(gone)).toMatchObject({ status: 204 });
      expect(refusalOf(await uploader.download(gone))).toBe("404 BLOB_UNKNOWN");
      expect(refusalOf(await uploader.append(gone, 0, new Uint8Array(9)))).toBe("404 BLOB_UNKNOWN");
      expect(await uploader.offset(gone)).toMatchObject({ status: 404 });
      expect(await uploader.delete(gone)).toMatchObject({ status: 204 });
      expect(refusalOf(await uploader.delete({ ...gone, token: "00".repeat(32) }))).toBe(
        "403 BLOB_TOKEN_REFUSED",
      );
    }
    expect(files()).toEqual([]);
    clock.now += 2 * HOUR;
    await service.blobs.sweep();
    expect(refusalOf(await uploader.delete(blob))).toBe("404 BLOB_UNKNOWN");
  });

  it("[BLOB-DELETE-2] deleting amid an upload ends it and leaves no file behind", async () => {
    const { uploader, begin, random, files } = await serveOn(make);
    const blob = await begin(MIB);
    const asked = uploader.appendPart(blob, 0, MIB, random.bytes(5000));
    await until(() => served.fileSize() === 5000);
    expect(await uploader.delete(blob)).toMatchObject({ status: 204 });
    asked.destroy();
    expect(await uploader.offset(blob)).toMatchObject({ status: 404 });
    expect(files()).toEqual([]);
  });

  it("a blob whose file is missing is unknown, and the relay's log says so", async () => {
    const { uploader, put, files, blobDirectory } = await serveOn(make);
    const blob = await put(KIB);
    unlinkSync(join(blobDirectory, String(files()[0])));
    expect(refusalOf(await uploader.download(blob))).toBe("404 BLOB_UNKNOWN");
    expectedFaults = 1;
  });
});

describeOnEachKeptDatabase("what is stored", (make) => {
  it("[BLOB-BLIND-1] rows and file names hold no account, device, group, ticket, token or id, and times by the hour", async () => {
    const { put, ticket, device, files, random, clock } = await serveOn(make);
    clock.now += 12_345;
    const open1 = await ticket(2 * KIB);
    const used = await ticket(KIB, deviceFrom(random));
    const blob = await put(4 * KIB);
    createdBy(await served.uploader.create(used, KIB));
    const kept = await served.rowsOf("blobs");
    const rows = [...kept, ...(await served.rowsOf("blob_tickets"))];
    expect(rows).toHaveLength(3);
    const dump = [...rows.flatMap((row) => Object.values(row)), ...files()]
      .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value)))
      .join(" ");
    const id = blob.path.slice("/blobs/".length);
    const secrets = [open1, used].map((secret) => Buffer.from(secret).toString("hex"));
    for (const secret of [...secrets, id, blob.token, device.userId, device.deviceId]) {
      expect(secret).toMatch(/^[0-9a-f]{32,64}$/);
      expect(dump).not.toContain(secret);
    }
    for (const { expires_at: end } of kept) expect(Number(end) % HOUR).toBe(0);
  });
});
