import type { ClientEvent, Clock, Command, CommandId, CommandReply, Log, View } from "@thicket/client";
import { type ClientError, emptyView } from "@thicket/client";
import type { PeerMessage, TabMessage, WorkerId, WorkerMessage } from "../bridge/messages.ts";

/** The client as the tabs see it. */
export interface Engine {
  send(command: Command): Promise<CommandReply>;
  view(): View;
  subscribe(listener: (event: ClientEvent) => void): () => void;
}

/** Where this worker stands. */
type Role =
  /** `heard` is the leader last heard of; `synced` once its snapshot has gone to the tab. */
  | { name: "following"; heard: { id: WorkerId; term: number } | undefined; synced: boolean }
  | { name: "starting" }
  | { name: "leading"; engine: Engine; term: number; unsubscribe: () => void }
  /** It can't lead, and nobody else does: says why. */
  | { name: "refused"; error: ClientError };

export interface TabServer {
  fromTab(message: TabMessage): void;
  fromPeer(message: PeerMessage): void;
  /** This worker was elected and is opening the store. */
  start(): void;
  /** From now on this worker's engine serves every tab. */
  lead(engine: Engine, term: number): void;
  /** The lead is lost, or this worker never had it. */
  follow(): void;
  /** This worker was elected but can't lead. Another may still. */
  refuse(error: ClientError): void;
}

/**
 * Serves this worker's own tab: through the engine here while leading, else through the leader's worker. A command that
 * has no answer when the leader changes goes to the next one, under the same id.
 */
export function serveTabs(options: {
  workerId: WorkerId;
  toTab: (message: WorkerMessage) => void;
  toPeers: (message: PeerMessage) => void;
  /** A leader that hasn't said a word for this long (ms) after being asked is taken for frozen. */
  suspicion: number;
  suspect: () => void;
  clock: Clock;
  log: Log;
}): TabServer {
  const { workerId: from, toTab, toPeers, clock, log } = options;
  const unanswered = new Map<CommandId, Command>();
  let role: Role = { name: "following", heard: undefined, synced: false };
  let watching = false;
  /** Over a leader elsewhere: `asked` until it says a word, `waiting` until it is asked again. */
  let watch: { state: "asked" | "waiting"; cancel: () => void } | undefined;

  function fromTab(message: TabMessage): void {
    switch (message.type) {
      case "watch":
        watching = true;
        return showView();
      case "visible":
        if (role.name === "following") askPeers({ type: "ask", from, snapshot: false });
        return;
      case "command":
        unanswered.set(message.command.commandId, message.command);
        return pass(message.command);
    }
  }

  function showView(): void {
    if (!watching) return;
    if (role.name === "leading") toTab({ type: "snapshot", view: role.engine.view() });
    else if (role.name === "refused") toTab({ type: "snapshot", view: refusedView(role.error) });
    else if (role.name === "following") askPeers({ type: "ask", from, snapshot: true });
  }

  function pass(command: Command): void {
    if (role.name === "leading") {
      void runHere(role.engine, command).then((reply) => reply && answer(command.commandId, reply));
    } else if (role.name === "following") {
      // While no leader is known it would be lost or done twice: it goes to the first that is heard of.
      askPeers(role.heard ? { type: "command", from, command } : { type: "ask", from, snapshot: false });
    } else if (role.name === "refused") {
      answer(command.commandId, { ok: false, error: role.error });
    }
  }

  function answer(commandId: CommandId, reply: CommandReply): void {
    if (unanswered.delete(commandId)) toTab({ type: "reply", commandId, reply });
  }

  /** Undefined where the act is to be answered by the next leader: this one lost its right to write meanwhile. */
  async function runHere(engine: Engine, command: Command): Promise<CommandReply | undefined> {
    let reply: CommandReply;
    try {
      reply = await engine.send(command);
    } catch (error) {
      log("error", "command failed", { type: command.type, name: error instanceof Error ? error.name : "" });
      reply = { ok: false, error: { code: "INTERNAL" } };
    }
    if (role.name !== "leading" || role.engine !== engine) return undefined;
    return !reply.ok && reply.error.code === "STORE_FENCED" ? undefined : reply;
  }

  /** Whoever leads answers at once, or is taken for frozen. */
  function askPeers(message: PeerMessage): void {
    toPeers(message);
    if (watch?.state === "asked") return;
    watch?.cancel();
    const cancel = clock.after(options.suspicion, () => {
      watch = undefined;
      if (role.name === "following") options.suspect();
    });
    watch = { state: "asked", cancel };
  }

  /** The leader has said a word. While it owes an answer it is asked again from time to time. */
  function trust(): void {
    watch?.cancel();
    watch = undefined;
    if (role.name !== "following" || unanswered.size === 0) return;
    const cancel = clock.after(options.suspicion, () => {
      watch = undefined;
      if (unanswered.size > 0) askPeers({ type: "ask", from, snapshot: false });
    });
    watch = { state: "waiting", cancel };
  }

  function fromPeer(message: PeerMessage): void {
    switch (message.type) {
      case "ask":
        if (role.name === "starting") return toPeers({ type: "starting", from });
        if (role.name !== "leading") return;
        toPeers({ type: "leading", from, term: role.term });
        if (message.snapshot) {
          toPeers({ type: "snapshot", from, term: role.term, to: message.from, view: role.engine.view() });
        }
        return;
      case "command":
        return servePeer(message.from, message.command);
      case "starting":
        return trust();
      case "leading":
      case "snapshot":
      case "event":
      case "reply":
        return hear(message);
    }
  }

  function servePeer(to: WorkerId, command: Command): void {
    if (role.name === "starting") return toPeers({ type: "starting", from });
    if (role.name !== "leading") return;
    const { engine, term } = role;
    toPeers({ type: "leading", from, term });
    void runHere(engine, command).then(
      (reply) => reply && toPeers({ type: "reply", from, term, to, commandId: command.commandId, reply }),
    );
  }

  /** What a leader says. */
  function hear(message: Extract<PeerMessage, { term: number }>): void {
    if (role.name === "refused") role = { name: "following", heard: undefined, synced: false };
    // A worker that leads or starts knows better: the one that speaks was frozen, and will find itself fenced.
    if (role.name !== "following") return;
    if (role.heard && message.term < role.heard.term) return;
    trust();
    const known = role.heard;
    if (known?.id !== message.from || known.term !== message.term) {
      role = { name: "following", heard: { id: message.from, term: message.term }, synced: false };
      // What the last leader left unanswered; a repeated act is one act.
      for (const command of unanswered.values()) askPeers({ type: "command", from, command });
      // The snapshot that this message may be is the answer to an earlier question.
      if (!(message.type === "snapshot" && message.to === from)) showView();
    }
    switch (message.type) {
      case "leading":
        return;
      case "snapshot":
        if (message.to !== from) return;
        role.synced = true;
        return watching ? toTab({ type: "snapshot", view: message.view }) : undefined;
      case "event":
        return role.synced ? toTab({ type: "event", event: message.event }) : undefined;
      case "reply":
        if (message.to === from) answer(message.commandId, message.reply);
    }
  }

  function enter(next: Role): void {
    if (role.name === "leading") role.unsubscribe();
    watch?.cancel();
    watch = undefined;
    role = next;
  }

  return {
    fromTab,
    fromPeer,
    start() {
      enter({ name: "starting" });
      toPeers({ type: "starting", from });
    },
    lead(engine, term) {
      const unsubscribe = engine.subscribe((event) => {
        if (watching) toTab({ type: "event", event });
        toPeers({ type: "event", from, term, event });
      });
      enter({ name: "leading", engine, term, unsubscribe });
      toPeers({ type: "leading", from, term });
      showView();
      for (const command of unanswered.values()) pass(command);
    },
    follow() {
      enter({ name: "following", heard: undefined, synced: false });
      showView();
      for (const command of unanswered.values()) pass(command);
    },
    refuse(error) {
      enter({ name: "refused", error });
      showView();
      for (const command of unanswered.values()) pass(command);
    },
  };
}

/** What a tab shows when this browser can't run the engine: nothing of the account, and why. */
function refusedView(error: ClientError): View {
  return { ...emptyView, connection: { state: "refused", error }, problems: [error] };
}
