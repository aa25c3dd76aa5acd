import { once } from "node:events";
import { statSync, symlinkSync, unlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { deviceFrom } from "@thicket/delivery-service/testing";
import { describeOnEachKeptDatabase } from "@thicket/storage/contract";
import { afterEach, expect, it, vi } from "vitest";
import { answerOf, refusalOf } from "../testing/ask-http.ts";
import { until } from "../testing/person.ts";
import { serveBlobs, type ServedBlobs } from "../testing/serve-blobs.ts";
import { createdBy, TUS } from "../testing/uploader.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const MINUTE = 60 * 1000;
const DAY = 24 * 60 * MINUTE;

let served: ServedBlobs;
let expectedFaults = 0;
afterEach(async () => {
  vi.restoreAllMocks();
  await served.close();
  expect(served.faults).toHaveLength(expectedFaults);
  expectedFaults = 0;
});

describeOnEachKeptDatabase("an upload", (make) => {
  async function serve(options: Parameters<typeof serveBlobs>[1] = {}) {
    served = await serveBlobs(make, options);
    return served;
  }

  it("[BLOB-UPLOAD-1] comes in pieces, goes on where a cut connection ended, and is downloaded as it was sent", async () => {
    const { uploader, begin, random } = await serve();
    const bytes = random.bytes(6 * MIB);
    const blob = await begin(bytes.length);
    const first = await uploader.append(blob, 0, bytes.subarray(0, 100_000));
    expect(first).toMatchObject({ status: 204, headers: { "upload-offset": "100000" } });
    expect(refusalOf(await uploader.download(blob))).toBe("404 BLOB_UNKNOWN");

    const cut = uploader.appendPart(
      blob,
      100_000,
      bytes.length - 100_000,
      bytes.subarray(100_000, 5_500_000),
    );
    await until(() => served.fileSize() > 5_000_000);
    cut.destroy();
    const offset = await uploader.storedOf(blob);
    expect(offset).toBeGreaterThan(5_000_000);
    expect(offset).toBeLessThanOrEqual(5_500_000);
    const last = await uploader.append(blob, offset, bytes.subarray(offset));
    expect(last).toMatchObject({ status: 204, headers: { "upload-offset": String(bytes.length) } });
    expect(last.headers["upload-expires"]).toBeUndefined();
    expect((await uploader.download(blob)).body.equals(bytes)).toBe(true);
    // The answer to the last piece was lost: it asks, and learns that all is there.
    expect(await uploader.storedOf(blob)).toBe(bytes.length);
    expect(await uploader.append(blob, bytes.length, new Uint8Array(0))).toMatchObject({ status: 204 });
  });

  it("[BLOB-TICKET-1] a ticket makes one blob of its size within its time; again it gives the same blob and token", async () => {
    const { uploader, ticket, clock, random } = await serve();
    const first = await ticket(4 * KIB);
    expect(refusalOf(await uploader.create(first, 8 * KIB))).toBe("403 BLOB_TICKET_REFUSED");
    const [one, other] = await Promise.all([
      uploader.create(first, 4 * KIB),
      uploader.create(first, 4 * KIB),
    ]);
    const blob = createdBy(one);
    expect(createdBy(other)).toEqual(blob);
    expect(refusalOf(await uploader.create(first, 8 * KIB))).toBe("403 BLOB_TICKET_REFUSED");
    await uploader.append(blob, 0, random.bytes(4 * KIB));
    expect(createdBy(await uploader.create(first, 4 * KIB))).toEqual(blob);
    expect(await uploader.storedOf(blob)).toBe(4 * KIB);
    await uploader.delete(blob);
    expect(refusalOf(await uploader.create(first, 4 * KIB))).toBe("403 BLOB_TICKET_REFUSED");

    const late = await ticket(4 * KIB);
    clock.now += 10 * MINUTE;
    expect(refusalOf(await uploader.create(late, 4 * KIB))).toBe("403 BLOB_TICKET_REFUSED");
    expect(refusalOf(await uploader.create(random.bytes(32), 4 * KIB))).toBe("403 BLOB_TICKET_REFUSED");
  });

  it("[BLOB-TOKEN-1] only who shows the blob's own token appends, asks for the offset or deletes", async () => {
    const { uploader, begin, put, random } = await serve();
    const blob = await begin(4 * KIB);
    const other = await put(KIB);
    const bytes = random.bytes(4 * KIB);
    for (const token of [other.token, "00".repeat(32), "x", blob.token.toUpperCase(), `${blob.token}00`]) {
      const stranger = { ...blob, token };
      expect(refusalOf(await uploader.append(stranger, 0, bytes))).toBe("403 BLOB_TOKEN_REFUSED");
      expect(await uploader.offset(stranger)).toMatchObject({ status: 403 });
      expect(refusalOf(await uploader.delete(stranger))).toBe("403 BLOB_TOKEN_REFUSED");
    }
    expect(refusalOf(await uploader.ask("DELETE", blob.path, TUS))).toBe("403 BLOB_TOKEN_REFUSED");
    expect(await uploader.storedOf(blob)).toBe(0);
    expect(await uploader.append(blob, 0, bytes)).toMatchObject({ status: 204 });
  });

  it("[BLOB-OFFSET-1] a piece for another offset is refused and changes nothing", async () => {
    const { uploader, begin, random } = await serve();
    const bytes = random.bytes(4 * KIB);
    const blob = await begin(bytes.length);
    await uploader.append(blob, 0, bytes.subarray(0, KIB));
    for (const offset of [0, KIB - 1, KIB + 1, 4 * KIB, 2 ** 40]) {
      const answer = await uploader.append(blob, offset, random.bytes(10));
      expect(refusalOf(answer), String(offset)).toBe("409 BLOB_OFFSET_CONFLICT");
    }
    expect(await uploader.storedOf(blob)).toBe(KIB);
    const tooMuch = await uploader.append(blob, KIB, random.bytes(3 * KIB + 1));
    expect(refusalOf(tooMuch)).toBe("413 PAYLOAD_TOO_LARGE");
    await uploader.append(blob, KIB, bytes.subarray(KIB));
    expect((await uploader.download(blob)).body.equals(bytes)).toBe(true);
    expect(refusalOf(await uploader.append(blob, 0, bytes))).toBe("409 BLOB_OFFSET_CONFLICT");
  });

  it("[BLOB-OFFSET-2] of writers at one upload the newest goes on, the others are told, and no bytes are mixed", async () => {
    const { uploader, begin, random } = await serve();
    const bytes = random.bytes(MIB);
    const blob = await begin(bytes.length);
    const stale = uploader.appendPart(blob, 0, bytes.length, bytes.subarray(0, 1000));
    const staleAnswer = answerOf(stale);
    await until(() => served.fileSize() === 1000);
    // Its first connection hangs; the client comes back on another one.
    const offset = await uploader.storedOf(blob);
    expect(offset).toBe(1000);
    expect(await staleAnswer).toMatchObject({ status: 204, headers: { "upload-offset": "1000" } });
    stale.destroy();
    const many = await Promise.all(
      Array.from({ length: 8 }, () => uploader.append(blob, offset, bytes.subarray(offset))),
    );
    const answers = many.map((answer) => (answer.status === 204 ? "204" : refusalOf(answer)));
    expect(answers).toContain("423 BLOB_BUSY");
    for (const answer of answers) expect(answer).toMatch(/^204$|BLOB_BUSY|BLOB_OFFSET_CONFLICT/);
    for (let at = await uploader.storedOf(blob); at < bytes.length; at = await uploader.storedOf(blob)) {
      await uploader.append(blob, at, bytes.subarray(at));
    }
    expect((await uploader.download(blob)).body.equals(bytes)).toBe(true);
  });

  it("[BLOB-OFFSET-3] of two nodes that write at once one goes on, and the other is told BLOB_OFFSET_CONFLICT", async () => {
    const { service, ticket, random, uploader } = await serve();
    const bytes = random.bytes(8 * KIB);
    const created = await service.blobs.create(await ticket(bytes.length), bytes.length);
    if (!created.ok) throw new Error(created.error.code);
    // Below the locker, which knows only its own process.
    const write = (from: number, to: number) => service.blobs.write(created.blobId, from, slowly(from, to));
    async function* slowly(from: number, to: number) {
      for (let at = from; at < to; at += KIB) {
        await new Promise(setImmediate);
        yield bytes.subarray(at, at + KIB);
      }
    }
    const conflict = { ok: false, error: { code: "BLOB_OFFSET_CONFLICT" } };
    const half = 4 * KIB;
    for (const [from, to] of [
      [0, half],
      [half, bytes.length],
    ] as const) {
      const replies = await Promise.all([write(from, to), write(from, to), write(from, to)]);
      expect(replies.filter(({ ok }) => ok)).toEqual([{ ok: true, stored: to }]);
      expect(replies.filter(({ ok }) => !ok)).toEqual([conflict, conflict]);
      // One that is behind, or ahead, doesn't touch the file.
      expect(await write(from, to)).toEqual(conflict);
    }
    expect(await write(2 * bytes.length, 3 * bytes.length)).toEqual(conflict);
    expect(served.fileSize()).toBe(bytes.length);
    expect((await uploader.download({ path: `/blobs/${created.blobId}` })).body.equals(bytes)).toBe(true);
  });

  it("[BLOB-DURABLE-1] nothing is acknowledged before it is flushed, and what a flush failed for isn't", async () => {
    const { uploader, begin, random, blobDirectory } = await serve();
    const bytes = random.bytes(5 * MIB);
    const some = await open(blobDirectory);
    const prototype: { sync: () => Promise<void>; datasync: () => Promise<void> } =
      Object.getPrototypeOf(some);
    await some.close();
    const named = vi.spyOn(prototype, "sync");
    const blob = await begin(bytes.length);
    // The directory: a file that is written to has a name that lasts.
    expect(named).toHaveBeenCalledOnce();
    const offsets: number[] = [];
    const flush = prototype.datasync;
    const spy = vi.spyOn(prototype, "datasync").mockImplementation(async function datasync(this: unknown) {
      offsets.push(served.fileSize());
      await flush.call(this);
    });
    expect(await uploader.append(blob, 0, bytes.subarray(0, KIB))).toMatchObject({ status: 204 });
    expect(offsets).toEqual([KIB]);
    // In steps, so that a crash doesn't take a large piece with it.
    expect(await uploader.append(blob, KIB, bytes.subarray(KIB, 5 * MIB - 1))).toMatchObject({ status: 204 });
    expect(offsets.length).toBeGreaterThan(2);
    expect(offsets.at(-1)).toBe(5 * MIB - 1);

    spy.mockRejectedValueOnce(Object.assign(new Error("EIO"), { code: "EIO", syscall: "fdatasync" }));
    const last = () => uploader.append(blob, 5 * MIB - 1, bytes.subarray(5 * MIB - 1));
    expect(refusalOf(await last())).toBe("500 STORE_FAILED");
    expectedFaults = 1;
    expect(await uploader.storedOf(blob)).toBe(5 * MIB - 1);
    expect(refusalOf(await uploader.download(blob))).toBe("404 BLOB_UNKNOWN");
    expect(await last()).toMatchObject({ status: 204 });
    expect((await uploader.download(blob)).body.equals(bytes)).toBe(true);
  });

  it("[BLOB-DISK-1] a full disk is answered DISK_FULL, and nothing that didn't fit is acknowledged", async () => {
    const { uploader, begin, random, blobDirectory, files } = await serve();
    const bytes = random.bytes(4 * KIB);
    const blob = await begin(bytes.length);
    await uploader.append(blob, 0, bytes.subarray(0, KIB));
    // The kernel's own full device in the place of the file.
    const name = join(blobDirectory, String(files()[0]));
    unlinkSync(name);
    symlinkSync("/dev/full", name);
    const answer = await uploader.append(blob, KIB, bytes.subarray(KIB));
    expect(refusalOf(answer)).toBe("507 DISK_FULL");
    expect(await uploader.storedOf(blob)).toBe(KIB);
    expect(refusalOf(await uploader.download(blob))).toBe("404 BLOB_UNKNOWN");
  });

  it("[BLOB-DISK-2] no room is given that would leave the databases none", async () => {
    const { service, device } = await serve({ limits: { diskKeptFree: 2 ** 60 } });
    const reply = await service.operations["blob.ticket"](device, { size: KIB });
    expect(reply).toEqual({ ok: false, error: { code: "DISK_FULL" } });
  });

  it("[BLOB-QUOTA-1] an account uploads so many bytes a day, whichever of its devices asks, and a blob has its limit", async () => {
    const { service, device, ticket, clock, random } = await serve({
      limits: { blob: 8 * KIB, blobBytesPerDay: 10 * KIB },
    });
    const ask = (size: number, from = device) => service.operations["blob.ticket"](from, { size });
    expect(await ask(9 * KIB)).toEqual({
      ok: false,
      error: { code: "PAYLOAD_TOO_LARGE", limit: 8 * KIB },
    });
    await ticket(8 * KIB);
    const second = { ...device, deviceId: deviceFrom(random).deviceId };
    const untilMidnight = DAY - (clock.now % DAY);
    expect(await ask(4 * KIB, second)).toEqual({
      ok: false,
      error: { code: "RATE_LIMITED", limit: 10 * KIB, retryAfter: untilMidnight },
    });
    expect(await ask(2 * KIB)).toMatchObject({ ok: true });
    expect(await ask(8 * KIB, deviceFrom(random))).toMatchObject({ ok: true });
    clock.now += untilMidnight;
    expect(await ask(8 * KIB, second)).toMatchObject({ ok: true, keptFor: 35 * DAY });
  });

  it("[BLOB-STOP-1] what came before the relay stops is kept, and what comes then is refused", async () => {
    const { uploader, begin, routes, random } = await serve();
    const blob = await begin(MIB);
    const asked = uploader.appendPart(blob, 0, MIB, random.bytes(5000));
    const answer = answerOf(asked);
    await until(() => served.fileSize() === 5000);
    await routes.stop();
    expect(refusalOf(await answer)).toBe("503 SHUTTING_DOWN");
    asked.destroy();
    expect(refusalOf(await uploader.download(blob))).toBe("503 SHUTTING_DOWN");
    const kept = await served.rowsOf("blobs");
    // PostgreSQL's driver gives a bigint as text here.
    expect(kept.map(({ stored }) => Number(stored))).toEqual([5000]);
  });

  it("[BLOB-SLOW-1] a sender that stops sending and a receiver that stops reading are cut; what came is kept", async () => {
    const { uploader, begin, put, random, server } = await serve({ transfers: { idle: 1000 } });
    const blob = await begin(MIB);
    const asked = uploader.appendPart(blob, 0, MIB, random.bytes(5000));
    expect(refusalOf(await answerOf(asked))).toBe("408 REQUEST_TIMEOUT");
    asked.destroy();
    expect(await uploader.storedOf(blob)).toBe(5000);

    const { path } = await put(8 * MIB);
    const { hostname, port } = new URL(uploader.url);
    const cut = new Promise((resolve) => {
      server.once("connection", (socket) => socket.once("close", resolve));
    });
    const reader = connect(Number(port), hostname);
    reader.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(reader, "readable");
    // It reads no further. The relay ends the connection, not this side.
    await cut;
    reader.destroy();
  });

  it("takes no more transfers at once than it is set to", async () => {
    const { uploader, begin, put, random } = await serve({ transfers: { transfers: 1 } });
    const done = await put(KIB);
    const blob = await begin(MIB);
    const asked = uploader.appendPart(blob, 0, MIB, random.bytes(5000));
    await until(() =>
      served.files().some((name) => statSync(join(served.blobDirectory, name)).size === 5000),
    );
    const refused = await uploader.download(done);
    expect(refusalOf(refused)).toBe("429 RATE_LIMITED");
    expect(refused.headers["retry-after"]).toBe("1");
    asked.destroy();
    let answer = refused;
    // Until the end of the first has come through.
    while (answer.status === 429) answer = await uploader.download(done);
    expect(answer.status).toBe(200);
  });
});
