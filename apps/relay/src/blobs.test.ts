import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "@thicket/delivery-service/testing";
import { BLOB_HEADERS, blobTicket, padBlobSize } from "@thicket/protocol";
import { type HttpRequest, type HttpResponse, Upload } from "tus-js-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusalOf } from "./testing/ask-http.ts";
import { createCuttingProxy } from "./testing/cutting-proxy.ts";
import { signUp, until } from "./testing/person.ts";
import { createRelayProcess, type RelayProcess } from "./testing/relay-process.ts";
import { createdBy, type CreatedUpload, type Uploader, uploaderAt } from "./testing/uploader.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

describe("blobs of a running relay", () => {
  let relay: RelayProcess;
  let uploader: Uploader;
  let handles = 0;

  beforeAll(async () => {
    relay = await createRelayProcess();
    await relay.start();
    uploader = uploaderAt(relay.url);
  });
  afterAll(async () => {
    expect(relay.output()).not.toContain('"event":"fault"');
    await relay.dispose();
  });

  /** Over the socket, as a logged-in device. */
  async function openOffice() {
    const person = await signUp(relay.url, `uploader${handles++}`);
    const connection = await person.openDelivery();
    const ask = async (size: number) =>
      parse(blobTicket.reply, await connection.ask("blob.ticket", { size }));
    return {
      ask,
      close: () => connection.close(),
      async ticket(size: number) {
        const reply = await ask(size);
        if (!reply.ok) throw new Error(reply.error.code);
        return reply.ticket;
      },
    };
  }
  /** Bytes in the blob's file, flushed or not. */
  function written({ path }: CreatedUpload): number {
    const id = Buffer.from(path.slice("/blobs/".length), "hex");
    const name = createHash("sha256").update(id).digest("hex");
    return statSync(join(relay.dataDirectory, "blobs", name)).size;
  }

  it("[BLOB-TUS-1] a tus client uploads through a network that cuts its connections, and not a byte is lost", async () => {
    const office = await openOffice();
    const size = padBlobSize(12 * MIB);
    const bytes = randomBytes(size);
    const ticket = Buffer.from(await office.ticket(size)).toString("hex");
    const proxy = await createCuttingProxy(relay, { times: 3, bytes: 3 * MIB });
    let token: string | undefined;
    const url = await new Promise<string>((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: `${proxy.url}/blobs`,
        headers: { [BLOB_HEADERS.ticket]: ticket },
        retryDelays: [0, 0, 0, 0, 0],
        onBeforeRequest(asked: HttpRequest) {
          if (token !== undefined) asked.setHeader(BLOB_HEADERS.token, token);
        },
        onAfterResponse(_: HttpRequest, answer: HttpResponse) {
          token ??= answer.getHeader(BLOB_HEADERS.token);
        },
        onSuccess: () => resolve(upload.url ?? ""),
        onError: reject,
      });
      upload.start();
    });
    expect(proxy.cutsLeft()).toBe(0);
    proxy.close();
    const { pathname } = new URL(url);
    expect((await uploader.download({ path: pathname })).body.equals(bytes)).toBe(true);
    const middle = await uploader.download({ path: pathname }, { Range: "bytes=5000000-5999999" });
    expect(middle.body.equals(bytes.subarray(5_000_000, 6_000_000))).toBe(true);
    office.close();
  });

  it("[BLOB-DURABLE-2] kill -9 amid an upload loses nothing acknowledged, and a complete blob stays", async () => {
    const office = await openOffice();
    const done = createdBy(await uploader.create(await office.ticket(MIB), MIB));
    const doneBytes = randomBytes(MIB);
    await uploader.append(done, 0, doneBytes);
    const size = padBlobSize(24 * MIB);
    const bytes = randomBytes(size);
    const blob = createdBy(await uploader.create(await office.ticket(size), size));
    let acknowledged = 0;
    for (let kill = 0; kill < 3; kill++) {
      const offset = await uploader.storedOf(blob);
      expect(offset).toBeGreaterThanOrEqual(acknowledged);
      const piece = await uploader.append(blob, offset, bytes.subarray(offset, offset + 300_000));
      acknowledged = Number(piece.headers["upload-offset"]);
      expect(acknowledged).toBe(offset + 300_000);
      const rest = uploader.append(blob, acknowledged, bytes.subarray(acknowledged));
      const failed = expect(rest).rejects.toThrow(/ECONNRESET|socket hang up|EPIPE/);
      await until(() => written(blob) >= acknowledged + 4.5 * MIB);
      await relay.kill();
      await failed;
      await relay.start();
      // A piece of several steps isn't sent again from its beginning.
      expect(await uploader.storedOf(blob)).toBeGreaterThanOrEqual(acknowledged + 4 * MIB);
      expect((await uploader.download(done)).body.equals(doneBytes)).toBe(true);
      expect(refusalOf(await uploader.download(blob))).toBe("404 BLOB_UNKNOWN");
    }
    const offset = await uploader.storedOf(blob);
    expect(await uploader.append(blob, offset, bytes.subarray(offset))).toMatchObject({ status: 204 });
    await relay.kill();
    await relay.start();
    const hash = createHash("sha256")
      .update((await uploader.download(blob)).body)
      .digest("hex");
    expect(hash).toBe(createHash("sha256").update(bytes).digest("hex"));
    office.close();
  });

  it("[BLOB-STOP-2] SIGTERM amid an upload ends in order, and what came is there at the next start", async () => {
    const office = await openOffice();
    const size = padBlobSize(8 * MIB);
    const bytes = randomBytes(size);
    const blob = createdBy(await uploader.create(await office.ticket(size), size));
    const half = bytes.subarray(0, 3_000_000);
    const slow = uploader.appendPart(blob, 0, size, half);
    await until(() => written(blob) === half.length);
    expect(await relay.stop()).toBe(0);
    slow.destroy();
    await relay.start();
    expect(await uploader.storedOf(blob)).toBe(half.length);
    office.close();
  });

  it("[BLOB-TICKET-2] only a logged-in device gets a ticket, for a padded size, and not too many at once", async () => {
    const office = await openOffice();
    expect(await office.ask(1025)).toEqual({ ok: false, error: { code: "MALFORMED_REQUEST" } });
    expect(await office.ask(padBlobSize(101 * MIB))).toMatchObject({
      ok: false,
      error: { code: "PAYLOAD_TOO_LARGE", limit: 100 * MIB },
    });
    const replies = await Promise.all(Array.from({ length: 40 }, () => office.ask(KIB)));
    const refused = replies.flatMap((reply) => (reply.ok ? [] : [reply.error]));
    expect(refused.length).toBeGreaterThan(10);
    for (const error of refused) expect(error).toMatchObject({ code: "RATE_LIMITED", limit: 1 });
    office.close();
  });

  it("[BLOB-LOG-1] logs of blob requests hold no id, ticket, token, size or address", async () => {
    const office = await openOffice();
    const ticket = await office.ticket(9 * KIB);
    const blob = createdBy(await uploader.create(ticket, 9 * KIB));
    await uploader.append(blob, 0, randomBytes(9 * KIB));
    await uploader.download(blob);
    await uploader.delete(blob);
    await until(() => relay.output().includes('"method":"DELETE"'));
    const secrets = [blob.path, blob.token, Buffer.from(ticket).toString("hex"), "127.0.0.1", "9216"];
    for (const secret of secrets) expect(relay.output()).not.toContain(secret);
    office.close();
  });
});

it("[BLOB-START-1] a directory of blobs that can't be had ends the start with BLOBS_UNUSABLE and touches nothing", async () => {
  const relay = await createRelayProcess();
  mkdirSync(relay.dataDirectory);
  const blocked = join(relay.dataDirectory, "file");
  writeFileSync(blocked, "mine");
  const { code, output } = await relay.run({ THICKET_BLOBS: join(blocked, "blobs") });
  expect(code).toBe(1);
  expect(output).toContain("BLOBS_UNUSABLE: The directory of blobs");
  expect(readdirSync(relay.dataDirectory).filter((name) => name.startsWith("delivery"))).toEqual([]);
  await relay.dispose();
});
