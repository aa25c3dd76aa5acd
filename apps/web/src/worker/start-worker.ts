import { type ClientErrorCode, type Clock, type Log, type Store, StoreError } from "@thicket/client";
import { toHex } from "@thicket/protocol";
import type { PeerMessage, TabMessage, WorkerMessage } from "../bridge/messages.ts";
import { compete } from "./leader.ts";
import { type Engine, serveTabs } from "./serve-tabs.ts";
import { openStore } from "./storage/open-store.ts";

export interface StartedEngine extends Engine {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** How long (ms) an engine that lost its lead may take to end. */
const STOP_TIME = 2000;

/** The worker's own port to its tab. */
export interface TabPort {
  postMessage(message: WorkerMessage): void;
  addEventListener(type: "message", listener: (message: MessageEvent<TabMessage>) => void): void;
}

/**
 * Runs one tab's worker: competes for the one engine of the origin and serves its tab either way. `name` is that of the
 * Web Lock, the BroadcastChannel and the database. A browser without what it takes is told so, tab by tab.
 */
export function startWorker(options: {
  name: string;
  tab: TabPort;
  createEngine: (store: Store) => StartedEngine;
  clock: Clock;
  log: Log;
  /** How long (ms) a leader may keep silent when asked, default 10 s: a long computation in it is no reason to replace it. */
  suspicion?: number;
}): void {
  const { name, tab, log } = options;
  const missing = missingFeature();
  const workerId = missing ? "" : toHex(crypto.getRandomValues(new Uint8Array(16)));
  const channel = missing ? undefined : new BroadcastChannel(name);
  const server = serveTabs({
    workerId,
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    toTab: (message) => tab.postMessage(message),
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    toPeers: (message) => channel?.postMessage(message),
    suspicion: options.suspicion ?? 10_000,
    suspect() {
      log("warn", "leader does not answer");
      candidacy?.steal();
    },
    clock: options.clock,
    log,
  });
  tab.addEventListener("message", (message) => server.fromTab(message.data));
  channel?.addEventListener("message", (message: MessageEvent<PeerMessage>) => server.fromPeer(message.data));
  if (missing) server.refuse({ code: "STORE_UNAVAILABLE", subject: missing });
  const candidacy = missing ? undefined : compete(name, lead);

  async function lead(ended: AbortSignal): Promise<"again" | "withdraw"> {
    server.start();
    const over = Promise.withResolvers<void>();
    ended.addEventListener("abort", () => over.resolve());
    if (ended.aborted) over.resolve();
    let opened: Awaited<ReturnType<typeof openStore>> | undefined;
    let engine: StartedEngine | undefined;
    try {
      opened = await openStore({ name, lost: over.resolve });
      engine = options.createEngine(opened.store);
      await engine.start();
      server.lead(engine, opened.term);
      await over.promise;
      server.follow();
      return "again";
    } catch (error) {
      const code: ClientErrorCode = error instanceof StoreError ? error.code : "INTERNAL";
      log("error", "engine not started", { code, name: error instanceof Error ? error.name : "" });
      if (code === "STORE_FENCED") {
        server.follow();
        return "again";
      }
      // The next in line may fare better (a newer version of the app, a bug that depends on timing), or tell its own tab.
      server.refuse({ code });
      return "withdraw";
    } finally {
      if (engine) await stopWithin(STOP_TIME, engine);
      opened?.close();
    }
  }

  /** The lock isn't held up by a step that doesn't end: without the store it can do no harm. */
  async function stopWithin(time: number, engine: StartedEngine): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = options.clock.after(time, late.resolve);
    await Promise.race([engine.stop().catch(() => log("error", "engine not stopped")), late.promise]);
    cancel();
  }
}

/** What this browser, window or address doesn't offer, as a person may look it up. */
function missingFeature(): string | undefined {
  if (!globalThis.isSecureContext) return "https";
  if (!("locks" in navigator)) return "Web Locks";
  if (!("BroadcastChannel" in globalThis)) return "BroadcastChannel";
  if (!("indexedDB" in globalThis)) return "IndexedDB";
  return undefined;
}
