import { type EngineDeps, MlsError } from "@thicket/mls";
import type { ClientError, ClientEvent } from "./api.ts";
import { type Ports, StoreError } from "./ports.ts";
import type { SerialQueue } from "./serial-queue.ts";
import type { Memory } from "./state.ts";
import { beginStep, type Step } from "./step.ts";

/** What all parts of a running client share. */
export interface Runtime {
  readonly ports: Ports;
  readonly memory: Memory;
  readonly engine: EngineDeps;
  /** Runs one step alone: its changes become durable, then visible, or nothing happens and it throws. */
  step<T>(work: (step: Step) => Promise<T>): Promise<T>;
  publish: (event: ClientEvent) => void;
  stopped(): boolean;
  /** Follows work that isn't a step, such as a loop of requests; what it throws is reported and ends it. */
  run(what: string, work: () => Promise<void>): void;
  /** Waits for the network: what waits there is not busy. */
  wait<T>(reply: Promise<T>): Promise<T>;
  busy(): boolean;
}

export interface RuntimeDeps {
  ports: Ports;
  memory: Memory;
  engine: EngineDeps;
  queue: SerialQueue;
  publish: (event: ClientEvent) => void;
}

export function createRuntime(deps: RuntimeDeps): Runtime & { stop(): void } {
  const { ports, memory, engine, queue, publish } = deps;
  let stopped = false;
  let running = 0;
  return {
    ports,
    memory,
    engine,
    publish,
    stopped: () => stopped,
    stop: () => (stopped = true),
    busy: () => running > 0 || queue.size() > 0,
    step: (work) =>
      queue.add(async () => {
        const step = beginStep({ ports, memory, engine });
        const result = await work(step);
        const { events, after } = await step.commit();
        for (const event of events) publish(event);
        for (const run of after) run();
        return result;
      }),
    run(what, work) {
      running++;
      void work()
        .catch((error: unknown) => {
          if (!stopped) publish({ type: "problem", error: report(ports, what, error) });
        })
        .finally(() => running--);
    },
    async wait(reply) {
      running--;
      try {
        return await reply;
      } finally {
        running++;
      }
    },
  };
}

/** What went wrong, as a person is told it. A failing store is expected; anything else is a bug and is logged as one. */
export function report({ log }: Ports, what: string, error: unknown): ClientError {
  if (error instanceof MlsError && error.code === "RECORD_INVALID") {
    log("error", "stored group is damaged", { what });
    return { code: "STORE_UNREADABLE" };
  }
  if (error instanceof StoreError) {
    log("error", "store failed", { what, code: error.code });
    return { code: error.code };
  }
  log("error", "bug", { what, error: describeBug(error) });
  return { code: "INTERNAL" };
}

/** What a bug is and where: our errors name places and codes, never content. */
function describeBug(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  const where = /\n\s+at ([^\n]*)/.exec(error.stack ?? "")?.[1] ?? "";
  return `${error.name}${code}: ${error.message} ${where}`;
}
