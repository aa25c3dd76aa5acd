import type {
  AccountState,
  ClientError,
  ClientEvent,
  Command,
  CommandId,
  CommandReply,
  View,
} from "@thicket/client/api";
import type { TabMessage, WorkerMessage } from "./messages.ts";
import { scriptUrl } from "./script-url.ts";
import { askPersistence } from "./storage-status.ts";

export interface ViewListener {
  /** The whole view; replaces whatever was known. Comes once after subscribing, and again when another tab's worker takes over. */
  snapshot(view: View): void;
  /** One change to the last snapshot: fold it with `applyEvent`. */
  event(event: ClientEvent): void;
}

export interface ClientConnection {
  /**
   * Resolves when the act is durable, or with why it was refused; never rejects. It survives a change of
   * leader, so it may take as long as that takes.
   */
  send(command: Command): Promise<CommandReply>;
  /** Calls `snapshot` before the first `event`, never synchronously. Returns the way to stop. */
  subscribe(listener: ViewListener): () => void;
  /** Ends this tab's worker; whatever is unanswered stays unanswered. */
  close(): void;
}

/**
 * Starts this tab's engine worker. Call it once per tab. A browser that lacks what the engine needs shows as a
 * snapshot whose `connection` is `refused` with STORE_UNAVAILABLE and the missing part as its subject.
 */
export function connectClient(): ClientConnection {
  const listeners = new Map<ViewListener, { greeted: boolean }>();
  const waiting = new Map<
    CommandId,
    { reply: Promise<CommandReply>; settle: (reply: CommandReply) => void }
  >();
  let asked = false;
  let alive = false;
  let failure: ClientError | undefined;

  const worker = new Worker(scriptUrl("engineWorker"), { type: "module", name: "thicket-engine" });
  worker.addEventListener("message", (message: MessageEvent<WorkerMessage>) => receive(message.data));
  worker.addEventListener("error", (event) => {
    // A mistake in a running worker doesn't end it; one that never said a word could not be loaded.
    if (!alive) fail({ code: "INTERNAL", subject: "worker" });
    else console.error("engine", event.message);
  });

  const visible = () => document.visibilityState === "visible" && post({ type: "visible" });
  document.addEventListener("visibilitychange", visible);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", comeBack);

  function receive(message: WorkerMessage): void {
    alive = true;
    switch (message.type) {
      case "snapshot":
        keep(message.view.account);
        for (const [listener, state] of listeners) {
          state.greeted = true;
          listener.snapshot(message.view);
        }
        return;
      case "event":
        if (message.event.type === "account") keep(message.event.account);
        for (const [listener, state] of listeners) if (state.greeted) listener.event(message.event);
        return;
      case "reply":
        waiting.get(message.commandId)?.settle(message.reply);
        waiting.delete(message.commandId);
    }
  }

  /** A page kept for "Back" would keep the lead as well, frozen: it gives it up, and starts afresh if it is shown again. */
  function leave(event: PageTransitionEvent): void {
    if (event.persisted) worker.terminate();
  }
  function comeBack(event: PageTransitionEvent): void {
    if (event.persisted) location.reload();
  }

  /** From the moment that there is an account the browser is asked not to throw it away. */
  function keep(account: AccountState): void {
    if (asked || account.state !== "signedUp") return;
    asked = true;
    void askPersistence();
  }

  /** The worker is gone or never came up: what was asked is answered so, and so is everything after. */
  function fail(error: ClientError): void {
    failure = error;
    for (const { settle } of waiting.values()) settle({ ok: false, error });
    waiting.clear();
    for (const listener of listeners.keys()) tellFailure(listener, error);
  }

  function post(message: TabMessage): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage(message);
  }

  return {
    send(command) {
      if (failure) return Promise.resolve({ ok: false, error: failure });
      const earlier = waiting.get(command.commandId);
      if (earlier) return earlier.reply;
      const { promise, resolve } = Promise.withResolvers<CommandReply>();
      waiting.set(command.commandId, { reply: promise, settle: resolve });
      post({ type: "command", command });
      return promise;
    },
    subscribe(listener) {
      const state = { greeted: false };
      listeners.set(listener, state);
      if (failure) {
        const error = failure;
        queueMicrotask(() => listeners.get(listener) === state && tellFailure(listener, error));
      } else {
        post({ type: "watch" });
      }
      return () => {
        if (listeners.get(listener) === state) listeners.delete(listener);
      };
    },
    close() {
      document.removeEventListener("visibilitychange", visible);
      removeEventListener("pagehide", leave);
      removeEventListener("pageshow", comeBack);
      worker.terminate();
      listeners.clear();
      waiting.clear();
    },
  };
}

function tellFailure(listener: ViewListener, error: ClientError): void {
  listener.event({ type: "connection", connection: { state: "refused", error } });
  listener.event({ type: "problem", error });
}
