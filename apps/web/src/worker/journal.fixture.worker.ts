/**
 * A small engine on the real store, lock and channel, for the tests of election and takeover. A `saveDraft` is one act:
 * its text becomes a row under the command's id, in one commit with the number of times that the act was done. The text
 * "hang" leaves the act done but unanswered; "freeze" stops this worker for two seconds in the middle of the act, once, as a
 * frozen tab does.
 */
import { type ClientEvent, emptyView, type Store, StoreError, type View } from "@thicket/client";
import type { ActRow, CommandReply } from "@thicket/client";
import { browserClock } from "./browser-ports.ts";
import { type StartedEngine, startWorker } from "./start-worker.ts";

declare const self: DedicatedWorkerGlobalScope;

startWorker({
  name: self.name,
  tab: self,
  clock: browserClock,
  log: () => undefined,
  suspicion: 700,
  createEngine: journal,
});

let hasFrozen = false;

function journal(store: Store): StartedEngine {
  const listeners = new Set<(event: ClientEvent) => void>();
  let view: View = emptyView;

  async function perform(commandId: string, text: string): Promise<CommandReply> {
    const before = await store.get("acts", [commandId]);
    if (text === "freeze" && !hasFrozen) freeze(2000);
    const row: ActRow = { at: (before?.at ?? 0) + 1, reply: { ok: true, conversationId: text } };
    try {
      await store.commit([{ table: "acts", key: [commandId], value: row }]);
    } catch (error) {
      if (error instanceof StoreError) return { ok: false, error: { code: error.code } };
      throw error;
    }
    if (before !== undefined) return row.reply;
    const event: ClientEvent = { type: "problem", error: { code: "INTERNAL", subject: text } };
    view = { ...view, problems: [...view.problems, event.error] };
    for (const listener of listeners) listener(event);
    return text === "hang" ? new Promise(() => undefined) : row.reply;
  }

  return {
    async start() {
      const rows = await store.list("acts", { prefix: [] });
      const subjects = rows.flatMap(({ value }) =>
        value.reply.ok ? [value.reply.conversationId ?? ""] : [],
      );
      view = { ...view, problems: subjects.map((subject) => ({ code: "INTERNAL", subject })) };
    },
    async stop() {
      listeners.clear();
    },
    view: () => view,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send: (command) =>
      command.type === "saveDraft"
        ? perform(command.commandId, command.text)
        : Promise.resolve({ ok: false, error: { code: "INTERNAL" } }),
  };
}

function freeze(milliseconds: number): void {
  hasFrozen = true;
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}
