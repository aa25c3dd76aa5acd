import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { AuthenticationStartError, openAuthenticationService } from "@thicket/authentication-service";
import {
  type Blobs,
  BlobsStartError,
  createKeyPackageCheck,
  createLoginCheck,
  openDeliveryService,
} from "@thicket/delivery-service";
import { DatabaseStartError } from "@thicket/storage";
import type { Config } from "./config.ts";
import { locateDatabases } from "./locate-databases.ts";
import { lockDataDirectory } from "./lock-data-directory.ts";
import type { Log } from "./log.ts";
import { StartError } from "./start-error.ts";
import { createBlobRoutes } from "./transport/blobs.ts";
import { createHttpHandler, type HttpHandler } from "./transport/http.ts";
import { bareHeaders } from "./transport/security-headers.ts";
import { createSockets } from "./transport/sockets.ts";

/** Milliseconds between two looks at what is due by the clock. */
const SWEEP_EVERY = 1000;

export interface Relay {
  /** Where it can be reached on this machine, for example http://localhost:8080. */
  address: string;
  /** Takes no more requests, finishes those under way, closes everything. */
  stop(): Promise<void>;
}

/** The same for blobs, whose time is over by the hour; and where a sweep left something. */
const BLOB_SWEEP_EVERY = 60_000;
const BLOB_SWEEP_PAUSE = 100;

/** What was opened, oldest first; closed in the reverse order. */
type Opened = (() => unknown)[];

/**
 * Composes and starts the relay: one process that serves the web app, the Delivery Service and the Authentication
 * Service. @throws StartError; what was there is left as it was.
 */
export async function startRelay(config: Config, log: Log): Promise<Relay> {
  const opened: Opened = [];
  let handle: HttpHandler = (_, response) => response.writeHead(503, bareHeaders(config.origins ?? [])).end();
  try {
    // The port first: a relay that can't have it must not touch the data.
    const server = createServer((request, response) => handle(request, response));
    opened.push(() => server.closeAllConnections());
    const port = await listen(server, config);
    opened.push(() => server.close());
    opened.push(lockDataDirectory(config.dataDirectory));
    const origins = config.origins ?? localOrigins(port);
    const { blobs } = await openServices({ config, log, server, origins, opened });
    handle = await createHttpHandler({ webDirectory: config.webDirectory, origins, log, blobs });
    // First of all when it stops: no new connections.
    opened.push(() => server.close());
    log.info("started");
    return { address: config.origins?.[0] ?? `http://localhost:${port}`, stop: () => closeAll(opened, log) };
  } catch (error) {
    await closeAll(opened, log);
    throw toStartError(error);
  }
}

async function openServices(options: {
  config: Config;
  log: Log;
  server: Server;
  origins: readonly string[];
  opened: Opened;
}): Promise<{ blobs: HttpHandler }> {
  const { config, log, server, origins, opened } = options;
  const now = () => Date.now();
  const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  const locations = locateDatabases(config);
  const authentication = await openAuthenticationService({
    database: locations.authentication,
    keyFile: config.asKeyFile,
    now,
    random,
    onFault: log.fault,
  });
  opened.push(() => authentication.close());
  const host = config.mimiHost;
  const sockets = createSockets({ server, log, now, origins, host });
  opened.push(() => sockets.close());
  const trustedAsKeys = () => authentication.asKeys;
  const delivery = await openDeliveryService({
    blobDirectory: config.blobDirectory,
    limits: { blob: config.blobLimit, blobDays: config.blobDays },
    database: locations.delivery,
    now,
    random,
    checkKeyPackage: createKeyPackageCheck({ trustedAsKeys }),
    ...sockets.rooms.listeners,
    isAnotherSeatAttached: (groupId, seatId) => sockets.rooms.isAnotherSeatAttached(groupId, seatId),
    onFault: log.fault,
  });
  // Closes before the sockets do: what was asked is answered.
  opened.push(() => delivery.close());
  const sweeps = setInterval(() => void delivery.sweep().catch(log.fault), SWEEP_EVERY);
  opened.push(() => clearInterval(sweeps));
  const checkDeliveryLogin = createLoginCheck({ trustedAsKeys, now });
  sockets.serve({ operations: delivery.operations, checkDeliveryLogin, authentication });
  const { blobs } = delivery;
  const routes = createBlobRoutes({ blobs, origins, log });
  // Before the database closes: what came of an upload is recorded.
  opened.push(() => routes.stop());
  opened.push(sweepBlobs(blobs, log));
  return { blobs: routes.handle };
}

/** Removes blobs whose time is over, a bounded step at a time. @returns what ends it. */
function sweepBlobs(blobs: Blobs, log: Log): () => Promise<void> {
  let last: Promise<"more" | "done"> = Promise.resolve("done");
  let timer = setTimeout(sweep, BLOB_SWEEP_EVERY);
  function sweep(): void {
    last = blobs.sweep().catch((error: unknown) => {
      log.fault(error);
      return "done" as const;
    });
    void last.then((left) => {
      timer = setTimeout(sweep, left === "more" ? BLOB_SWEEP_PAUSE : BLOB_SWEEP_EVERY);
    });
  }
  return async () => {
    await last;
    clearTimeout(timer);
  };
}

async function closeAll(opened: Opened, log: Log): Promise<void> {
  for (const close of opened.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      log.fault(error);
    }
  }
}

/** -> the port. @throws StartError PORT_TAKEN, or PORT_REFUSED where the system doesn't let us have it. */
async function listen(server: Server, { host, port }: Config): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EADDRINUSE") {
      throw new StartError(
        "PORT_TAKEN",
        `Port ${port} is in use. Stop what uses it, or set THICKET_PORT to another one.`,
      );
    }
    const sentence = `The system doesn't let the relay listen on ${host}, port ${port}.`;
    throw new StartError("PORT_REFUSED", sentence, { cause });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

/** With no THICKET_ORIGIN the relay is for this machine, by any of its names. */
function localOrigins(port: number): readonly string[] {
  return ["localhost", "127.0.0.1", "[::1]"].map((host) => `http://${host}:${port}`);
}

function toStartError(error: unknown): unknown {
  if (
    error instanceof BlobsStartError ||
    error instanceof DatabaseStartError ||
    error instanceof AuthenticationStartError
  ) {
    return new StartError(error.code, error.message, { cause: error });
  }
  return error;
}
