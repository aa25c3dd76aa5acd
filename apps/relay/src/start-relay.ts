import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { AuthenticationStartError, openAuthenticationService } from "@thicket/authentication-service";
import type { AsKey } from "@thicket/credential";
import {
  type Blobs,
  BlobsStartError,
  createKeyPackageCheck,
  createLoginCheck,
  openDeliveryService,
} from "@thicket/delivery-service";
import { DatabaseStartError } from "@thicket/storage";
import type { Config } from "./config.ts";
import { createHealth, type Health } from "./health.ts";
import { locateDatabases } from "./locate-databases.ts";
import { lockDataDirectory } from "./lock-data-directory.ts";
import type { Log } from "./log.ts";
import { createMetrics, type Metrics, NO_METRICS } from "./metrics.ts";
import { connectRedis, type RedisClient } from "./nodes/connect-redis.ts";
import { StartError } from "./start-error.ts";
import { createBlobRoutes } from "./transport/blobs.ts";
import { createHttpHandler, type HttpHandler } from "./transport/http.ts";
import { createLimits } from "./transport/limits.ts";
import { bareHeaders } from "./transport/security-headers.ts";
import { sharedClaims } from "./transport/shared-claims.ts";
import { createSockets, type Sockets, type SocketsOptions } from "./transport/sockets.ts";

/** Milliseconds between two looks at what is due by the clock. */
const SWEEP_EVERY = 1000;
/** The same for blobs, whose time is over by the hour; and where a sweep left something. */
const BLOB_SWEEP_EVERY = 60_000;
const BLOB_SWEEP_PAUSE = 100;

export interface Relay {
  /** Where it can be reached on this machine, for example http://localhost:8080. */
  address: string;
  /** Hands its connections over, answers what is under way, and closes everything. */
  stop(): Promise<void>;
}

/** What was opened, oldest first; closed in the reverse order. */
type Opened = (() => unknown)[];

/** Headers of a request that take longer than this (ms) are no request. */
const HEADERS_WITHIN = 10_000;
const LOOKS_EVERY = 2000;

/**
 * Composes and starts the relay: one process that serves the web app, the Delivery Service and the Authentication
 * Service, or some of these. @throws StartError; what was there is left as it was.
 */
export async function startRelay(config: Config, log: Log): Promise<Relay> {
  const opened: Opened = [];
  let handle: HttpHandler = (_, response) => response.writeHead(503, bareHeaders(config.origins ?? [])).end();
  try {
    // The port first: a relay that can't have it must not touch the data.
    const server = createServer(
      { headersTimeout: HEADERS_WITHIN, connectionsCheckingInterval: LOOKS_EVERY },
      (request, response) => handle(request, response),
    );
    opened.push(() => server.closeAllConnections());
    const port = await listen(server, config);
    opened.push(() => server.close());
    const metrics = await openMetrics(config, log, opened);
    const faulty = withCounting(log, metrics);
    const origins = config.origins ?? localOrigins(port);
    const health = createHealth(metrics);
    const redis = openRedis(config, faulty, opened);
    const limits = createLimits(config, redis);
    const { sockets, blobs } = await openServices({
      config,
      log: faulty,
      metrics,
      server,
      origins,
      health,
      redis,
      limits,
      opened,
    });
    handle = await createHttpHandler({
      webDirectory: config.roles.has("web") ? config.webDirectory : undefined,
      origins,
      log: faulty,
      health,
      limits,
      trustedProxies: config.trustedProxies,
      blobs,
    });
    log.info("started");
    return {
      address: config.origins?.[0] ?? `http://localhost:${port}`,
      async stop() {
        // Still asked by who hands out traffic, and answered that it should go elsewhere.
        health.draining();
        await sockets.drain(1000 * config.drainSeconds);
        server.close();
        await closeAll(opened, log);
      },
    };
  } catch (error) {
    await closeAll(opened, log);
    throw toStartError(error);
  }
}

async function openMetrics({ metrics: at }: Config, log: Log, opened: Opened): Promise<Metrics> {
  if (at === undefined) return NO_METRICS;
  const metrics = createMetrics();
  const listening = await metrics.listen(at);
  opened.push(() => listening.close());
  log.info("metrics", { metricsPort: listening.port });
  return metrics;
}

function withCounting(log: Log, metrics: Metrics): Log {
  return {
    ...log,
    fault(error) {
      metrics.fault();
      log.fault(error);
    },
  };
}

function openRedis({ redis: url }: Config, log: Log, opened: Opened): RedisClient | undefined {
  if (url === undefined) return undefined;
  const client = connectRedis(url, log);
  opened.push(() => client.destroy());
  return client;
}

async function openServices(
  options: Omit<SocketsOptions, "now"> & { health: Health; opened: Opened },
): Promise<{ sockets: Sockets; blobs: HttpHandler }> {
  const { config, log, origins, health, redis, opened } = options;
  const { roles } = config;
  const locations = locateDatabases(config);
  const now = () => Date.now();
  const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  const hasData = roles.has("ds") || roles.has("as");
  if (hasData) opened.push(lockDataDirectory(config.dataDirectory));
  const authentication = roles.has("as")
    ? await openAuthenticationService({
        database: locations.authentication,
        keyFile: config.asKeyFile,
        registration: config.registration,
        now,
        random,
        onFault: log.fault,
      })
    : undefined;
  if (authentication !== undefined) opened.push(() => authentication.close());
  const sockets = createSockets({ ...options, now });
  opened.push(() => sockets.close());
  const trustedAsKeys = () => authentication?.asKeys ?? configuredKeys(config);
  const delivery = roles.has("ds")
    ? await openDeliveryService({
        database: locations.delivery,
        blobDirectory: config.blobDirectory,
        now,
        random,
        limits: {
          applicationEntry: config.limitMessageBytes,
          commitBundle: config.limitCommitBytes,
          claimsPerTargetPerHour: config.limitClaimsPerTarget,
          knocksPerHour: config.limitKnocks,
          blob: config.blobLimit,
          blobDays: config.blobDays,
        },
        ...(redis === undefined ? {} : { claimAllowance: sharedClaims(redis, config.limitClaimsPerTarget) }),
        checkKeyPackage: createKeyPackageCheck({ trustedAsKeys }),
        ...sockets.rooms.listeners,
        onBatch: (writes) => options.metrics.batch(writes),
        isAnotherSeatAttached: (groupId, seatId) => sockets.rooms.isAnotherSeatAttached(groupId, seatId),
        onFault: log.fault,
      })
    : undefined;
  if (delivery !== undefined) {
    // Closes before the sockets do: what was asked is answered.
    opened.push(() => delivery.close());
    const sweeps = setInterval(() => void delivery.sweep().catch(log.fault), SWEEP_EVERY);
    opened.push(() => clearInterval(sweeps));
  }
  sockets.serve({
    ...(delivery === undefined
      ? {}
      : { delivery: { service: delivery, checkLogin: createLoginCheck({ trustedAsKeys, now }) } }),
    ...(authentication === undefined ? {} : { authentication }),
  });
  const services = [delivery, authentication].filter((service) => service !== undefined);
  health.started({ services, redis });
  return {
    sockets,
    blobs: delivery === undefined ? noBlobs : openBlobs(delivery.blobs, origins, log, opened),
  };
}

/** Where another process serves them. */
const noBlobs: HttpHandler = (_, response) => response.writeHead(404).end();

function openBlobs(blobs: Blobs, origins: readonly string[], log: Log, opened: Opened): HttpHandler {
  const routes = createBlobRoutes({ blobs, origins, log });
  // Before the database closes: what came of an upload is recorded.
  opened.push(() => routes.stop());
  opened.push(sweepBlobs(blobs, log));
  return routes.handle;
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

/** The id of a key is the beginning of its hash, as the Authentication Service makes it. */
function configuredKeys({ asKeys = [] }: Config): AsKey[] {
  return asKeys.map((publicKey) => ({
    keyId: Uint8Array.from(createHash("sha256").update(publicKey).digest().subarray(0, 8)),
    publicKey,
  }));
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
