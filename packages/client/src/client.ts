import { applyEvent, emptyView, mergeTimeline } from "./apply-event.ts";
import type { ClientEvent, Command, CommandReply, View } from "./api.ts";
import { carryOut } from "./carry-out.ts";
import { conversationView } from "./conversation-view.ts";
import { createEngineAuthentication, LEAF_LIFETIMES } from "./identity/engine-authentication.ts";
import { loadMemory } from "./load-memory.ts";
import type { Ports } from "./ports.ts";
import { createRuntime, report } from "./runtime.ts";
import { createSerialQueue } from "./serial-queue.ts";
import { emptyMemory, type Memory } from "./state.ts";
import { type Connection, createConnection } from "./sync/connection.ts";

/** The chat client without a screen: one per device and store. */
export interface Client {
  /** Reads the store, publishes what is there, and follows the connections. Throws StoreError where the store can't be read. */
  start(): Promise<void>;
  /** Takes no more commands and events, and resolves when the running step has ended. */
  stop(): Promise<void>;
  /** Persists the act, then answers. Repeating a command (same commandId) does it once. Never throws: failures are replies. */
  send(command: Command): Promise<CommandReply>;
  /** A snapshot for a new tab; timelines hold the newest items of this session only: older ones come by `loadTimeline`. */
  view(): View;
  subscribe(listener: (event: ClientEvent) => void): () => void;
  /** Resolves when no step is queued or running; requests that wait for the network and timers don't count. */
  idle(): Promise<void>;
}

export interface ClientOptions {
  /** One-time key packages to keep at the relay. Default 50. */
  keyPackages?: number;
}

/** Items per conversation that the snapshot for a new tab holds at most. */
const SNAPSHOT_ITEMS = 200;
/** Turns of the microtask queue within which whatever was resolved has gone on. */
const TURNS = 64;

export function createClient(ports: Ports, options: ClientOptions = {}): Client {
  const queue = createSerialQueue();
  const memory = emptyMemory();
  const listeners = new Set<(event: ClientEvent) => void>();
  let view = emptyView;
  const publish = (event: ClientEvent) => {
    view = trim(applyEvent(view, event), event);
    for (const listener of listeners) listener(event);
  };
  const engine = {
    random: ports.random,
    authentication: createEngineAuthentication(),
    lifetimes: LEAF_LIFETIMES,
  };
  const runtime = createRuntime({ ports, memory, engine, queue, publish });
  const connection = createConnection(runtime, { keyPackages: options.keyPackages ?? 50 });
  let started: Promise<void> | undefined;

  return {
    start() {
      started ??= queue.add(async () => begin(ports, memory, publish)).then(() => connection.open());
      return started;
    },
    async stop() {
      runtime.stop();
      connection.close();
      await queue.add(async () => {});
    },
    async send(command) {
      try {
        if (started === undefined || runtime.stopped())
          return { ok: false, error: { code: "INTERNAL", subject: "NOT_RUNNING" } };
        await started;
        const reply = await follow(runtime, command, connection);
        if (command.type === "loadTimeline" && reply.ok && reply.timeline !== undefined) {
          const { items } = reply.timeline;
          const before = view.timelines[command.conversationId] ?? [];
          const timelines = { ...view.timelines, [command.conversationId]: mergeTimeline(before, items, []) };
          view = { ...view, timelines };
        }
        return reply;
      } catch (error) {
        return { ok: false, error: report(ports, command.type, error) };
      }
    },
    view: () => view,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async idle() {
      for (let quiet = 0; quiet < TURNS; quiet++) {
        if (runtime.busy()) {
          await queue.add(async () => {});
          quiet = 0;
        }
        await Promise.resolve();
      }
    },
  };
}

/** A command is followed like other work, so that `idle` waits for it. */
function follow(
  runtime: ReturnType<typeof createRuntime>,
  command: Command,
  connection: Connection,
): Promise<CommandReply> {
  return new Promise((resolve, reject) => {
    runtime.run(command.type, () => carryOut(runtime, connection, command).then(resolve, reject));
  });
}

async function begin(ports: Ports, memory: Memory, publish: (event: ClientEvent) => void): Promise<void> {
  Object.assign(memory, await loadMemory(ports.store));
  const { account } = memory;
  if (account?.state === "signedUp") {
    const { userId, deviceId, handle, host } = account;
    publish({ type: "account", account: { state: "signedUp", account: { userId, deviceId, handle, host } } });
  } else publish({ type: "account", account: { state: "none" } });
  const people = [...memory.contacts.values()].map(({ userId, handle }) => ({ userId, handle }));
  if (people.length > 0) publish({ type: "people", people });
  for (const conversation of memory.conversations.values()) {
    publish({ type: "conversation", conversation: conversationView(memory, conversation) });
  }
}

/** The snapshot keeps the newest items only. */
function trim(view: View, event: ClientEvent): View {
  if (event.type !== "timeline") return view;
  const items = view.timelines[event.conversationId];
  if (items === undefined || items.length <= SNAPSHOT_ITEMS) return view;
  return { ...view, timelines: { ...view.timelines, [event.conversationId]: items.slice(-SNAPSHOT_ITEMS) } };
}
