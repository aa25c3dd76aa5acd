import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyPackageCheck, type DeliveryLimits, openDeliveryService } from "@thicket/delivery-service";
import { deviceFrom, seededRandom } from "@thicket/delivery-service/testing";
import { inspect, type MakeDatabase } from "@thicket/storage/contract";
import { readConfig } from "../config.ts";
import { createHealth } from "../health.ts";
import { createLog } from "../log.ts";
import { NO_METRICS } from "../metrics.ts";
import { createBlobRoutes, type TransferLimits } from "../transport/blobs.ts";
import { createHttpHandler } from "../transport/http.ts";
import { createLimits } from "../transport/limits.ts";
import { createdBy, uploaderAt } from "./uploader.ts";

/** The relay's own handler and services on real files, in this process, with a clock that the test moves. */
export async function serveBlobs(
  make: MakeDatabase,
  options: { limits?: Partial<DeliveryLimits>; transfers?: Partial<TransferLimits> } = {},
) {
  const { location, remove } = make();
  const directory = mkdtempSync(join(tmpdir(), "thicket-blobs-"));
  const blobDirectory = join(directory, "blobs");
  const clock = { now: 1_800_000_000_000 };
  const random = seededRandom(5);
  const faults: unknown[] = [];
  const log = { ...createLog("silent"), fault: (error: unknown) => void faults.push(error) };
  const service = await openDeliveryService({
    database: location,
    blobDirectory,
    now: () => clock.now,
    random,
    checkKeyPackage: createKeyPackageCheck({ trustedAsKeys: () => [] }),
    limits: { diskKeptFree: 0, ...options.limits },
    onFault: log.fault,
  });
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const routes = createBlobRoutes({
    blobs: service.blobs,
    origins: [url],
    log,
    ...(options.transfers === undefined ? {} : { limits: options.transfers }),
  });
  server.on(
    "request",
    await createHttpHandler({
      health: createHealth(NO_METRICS),
      limits: createLimits(readConfig({}, "/"), undefined),
      trustedProxies: 1,
      webDirectory: directory,
      origins: [url],
      log,
      blobs: routes.handle,
    }),
  );
  const device = deviceFrom(random);
  const uploader = uploaderAt(url);

  async function ticket(size: number, from = device): Promise<Uint8Array> {
    const reply = await service.operations["blob.ticket"](from, { size });
    if (!reply.ok) throw new Error(reply.error.code);
    return reply.ticket;
  }
  /** A complete blob of random bytes. */
  async function put(size: number) {
    const bytes = random.bytes(size);
    const blob = createdBy(await uploader.create(await ticket(size), size));
    const answer = await uploader.append(blob, 0, bytes);
    if (answer.status !== 204) throw new Error(`not appended: ${answer.status} ${answer.body.toString()}`);
    return { ...blob, bytes };
  }
  return {
    service,
    routes,
    server,
    uploader,
    device,
    random,
    clock,
    faults,
    rowsOf: (table: "blobs" | "blob_tickets") => inspect(location, `SELECT * FROM ${table}`),
    blobDirectory,
    files: () => readdirSync(blobDirectory),
    /** Bytes in the only file, flushed or not; 0 where there is none. */
    fileSize: () =>
      readdirSync(blobDirectory).reduce((_, name) => statSync(join(blobDirectory, name)).size, 0),
    ticket,
    begin: async (size: number) => createdBy(await uploader.create(await ticket(size), size)),
    put,
    async close() {
      await routes.stop();
      server.closeAllConnections();
      server.close();
      await service.close();
      await remove();
      rmSync(directory, { recursive: true });
    },
  };
}

export type ServedBlobs = Awaited<ReturnType<typeof serveBlobs>>;
