import { once } from "node:events";
import { createServer } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { StartError } from "./start-error.ts";

/**
 * What is counted. Labels are names of ours (requests, codes, namespaces, reasons), never anything that came from a
 * peer: no handle, id, address or payload can end here.
 */
export interface Metrics {
  request(request: string, code: string, ms: number): void;
  /** A socket of a namespace came (1) or went (-1). */
  socket(namespace: string, change: 1 | -1): void;
  connectionRefused(reason: string): void;
  /** A slow reader was cut. */
  backlogCut(): void;
  /** A connection sent faster than it may, and isn't read for a while. */
  rest(): void;
  /** Seats for which a missed fan-out was found by looking at the log. */
  recovered(seats: number): void;
  fault(): void;
  /** Writes that were committed together. */
  batch(writes: number): void;
  ready(check: string, isReady: boolean): void;
}

export interface MetricsServer extends Metrics {
  /** Serves /metrics there. @throws StartError PORT_TAKEN, PORT_REFUSED */
  listen(at: { host: string; port: number }): Promise<{ port: number; close(): void }>;
}

/** From half a millisecond to ten seconds. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): MetricsServer {
  const registry = new Registry();
  const registers = [registry];
  // Memory, processor, garbage collection, and how late the event loop is.
  collectDefaultMetrics({ register: registry });
  const counter = <const T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter({ name: `thicket_${name}`, help, labelNames, registers });

  const requests = counter("requests_total", "Requests by name and reply.", ["request", "code"]);
  const durations = new Histogram({
    name: "thicket_request_seconds",
    help: "From a request's arrival to its reply.",
    labelNames: ["request"],
    buckets: SECONDS,
    registers,
  });
  const sockets = new Gauge({
    name: "thicket_sockets",
    help: "Connected sockets by namespace.",
    labelNames: ["namespace"],
    registers,
  });
  const refused = counter("connections_refused_total", "Connections that were refused, by reason.", [
    "reason",
  ]);
  const cuts = counter("backlog_cuts_total", "Slow readers that were cut.", []);
  const rests = counter(
    "intake_rests_total",
    "Connections that sent too fast and weren't read for a while.",
    [],
  );
  const recovered = counter("recovered_seats_total", "Seats for which a missed fan-out was made good.", []);
  const faults = counter("faults_total", "Bugs and failing stores.", []);
  const batches = new Histogram({
    name: "thicket_write_batch_size",
    help: "Writes of the Delivery Service that were committed together.",
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  });
  const ready = new Gauge({
    name: "thicket_ready",
    help: "1 for each check of /readyz that passes.",
    labelNames: ["check"],
    registers,
  });

  return {
    request(request, code, ms) {
      requests.inc({ request, code });
      durations.observe({ request }, ms / 1000);
    },
    socket: (namespace, change) => sockets.inc({ namespace }, change),
    connectionRefused: (reason) => refused.inc({ reason }),
    backlogCut: () => cuts.inc(),
    rest: () => rests.inc(),
    recovered: (seats) => recovered.inc(seats),
    fault: () => faults.inc(),
    batch: (writes) => batches.observe(writes),
    ready: (check, isReady) => ready.set({ check }, isReady ? 1 : 0),

    async listen({ host, port }) {
      const server = createServer((request, response) => {
        if (request.method !== "GET" || request.url !== "/metrics") {
          response.writeHead(404).end();
          return;
        }
        void registry.metrics().then(
          (text) => response.writeHead(200, { "Content-Type": registry.contentType }).end(text),
          () => response.writeHead(500).end(),
        );
      });
      try {
        server.listen(port, host);
        await once(server, "listening");
      } catch (cause) {
        const taken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
        throw new StartError(
          taken ? "PORT_TAKEN" : "PORT_REFUSED",
          `The relay can't have the address and port of THICKET_METRICS (${host}, port ${port}).`,
          { cause },
        );
      }
      const address = server.address();
      return {
        port: typeof address === "object" && address !== null ? address.port : port,
        close() {
          server.closeAllConnections();
          server.close();
        },
      };
    },
  };
}

const nothing = () => undefined;

/** Where nobody asks for them. */
export const NO_METRICS: Metrics = {
  request: nothing,
  socket: nothing,
  connectionRefused: nothing,
  backlogCut: nothing,
  rest: nothing,
  recovered: nothing,
  fault: nothing,
  batch: nothing,
  ready: nothing,
};
