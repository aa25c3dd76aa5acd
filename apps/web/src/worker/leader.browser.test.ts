import type { Command, CommandReply, View } from "@thicket/client";
import { deleteDB, openDB } from "idb";
import { afterEach, expect, test } from "vitest";
import type { TabMessage, WorkerMessage } from "../bridge/messages.ts";

interface Tab {
  /** Resolves with the reply, whichever worker gives it. */
  send(text: string): Promise<CommandReply>;
  /** Resolves once a snapshot, or an event after it, has shown `text`. */
  shows: (text: string) => Promise<void>;
  snapshots: View[];
  /** The tab is closed, or its process dies. */
  kill(): void;
}

const tabs: Tab[] = [];
let name = "";
let count = 0;

function openTab(): Tab {
  if (tabs.length === 0) name = `leader-test-${(count += 1)}`;
  const worker = new Worker(new URL("./journal.fixture.worker.ts", import.meta.url), {
    type: "module",
    name,
  });
  const replies = new Map<string, (reply: CommandReply) => void>();
  const snapshots: View[] = [];
  const shown = new Set<string>();
  const waiting = new Map<string, () => void>();
  const show = (subject: string | undefined) => {
    if (subject === undefined) return;
    shown.add(subject);
    waiting.get(subject)?.();
  };
  worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
    if (data.type === "snapshot") {
      snapshots.push(data.view);
      for (const { subject } of data.view.problems) show(subject);
    } else if (data.type === "event") {
      if (data.event.type === "problem") show(data.event.error.subject);
    } else {
      replies.get(data.commandId)?.(data.reply);
    }
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  const post = (message: TabMessage) => worker.postMessage(message);
  post({ type: "watch" });
  const tab: Tab = {
    snapshots,
    send(text) {
      const command: Command = {
        type: "saveDraft",
        commandId: crypto.randomUUID(),
        at: 0,
        conversationId: "",
        text,
      };
      const { promise, resolve } = Promise.withResolvers<CommandReply>();
      replies.set(command.commandId, resolve);
      post({ type: "command", command });
      return promise;
    },
    shows: (text) =>
      new Promise((resolve) => (shown.has(text) ? resolve() : waiting.set(text, () => resolve()))),
    kill: () => worker.terminate(),
  };
  tabs.push(tab);
  return tab;
}

afterEach(async () => {
  for (const tab of tabs.splice(0)) tab.kill();
  await deleteDB(name);
});

/** What the one engine says of itself in the database: its fencing counter. */
async function terms(): Promise<unknown> {
  const database = await openDB(name);
  const fence: unknown = await database.get("meta", "fence");
  database.close();
  return fence;
}

const accepted = (text: string): CommandReply => ({ ok: true, conversationId: text });

test("[TAB-1] several tabs have one engine, and all of them can act and see every act", async () => {
  const [first, second, third] = [openTab(), openTab(), openTab()];
  expect(await first.send("one")).toEqual(accepted("one"));
  expect(await second.send("two")).toEqual(accepted("two"));
  expect(await third.send("three")).toEqual(accepted("three"));
  for (const tab of [first, second, third]) {
    await Promise.all(["one", "two", "three"].map(tab.shows));
  }
  expect(await terms()).toBe(1);
  const late = openTab();
  await late.shows("two");
  expect(late.snapshots.at(-1)?.problems).toHaveLength(3);
  expect(await terms()).toBe(1);
});

test("[TAB-2] when the leader dies another tab has taken over within a second, and nothing is lost", async () => {
  const leader = openTab();
  expect(await leader.send("before")).toEqual(accepted("before"));
  const [second, third] = [openTab(), openTab()];
  await Promise.all([second.shows("before"), third.shows("before")]);
  const start = performance.now();
  leader.kill();
  expect(await second.send("after")).toEqual(accepted("after"));
  expect(performance.now() - start).toBeLessThan(1000);
  expect(await third.send("later")).toEqual(accepted("later"));
  await Promise.all([second.shows("later"), third.shows("after")]);
  expect(third.snapshots.at(-1)?.problems.map(({ subject }) => subject)).toContain("before");
  expect(await terms()).toBe(2);
});

test("[TAB-3] an act that the leader left unanswered goes to the next one under the same id", async () => {
  const leader = openTab();
  expect(await leader.send("before")).toEqual(accepted("before"));
  const follower = openTab();
  await follower.shows("before");
  const act = follower.send("hang");
  await follower.shows("hang");
  leader.kill();
  expect(await act).toEqual(accepted("hang"));
  const database = await openDB(name);
  expect(await database.count("acts")).toBe(2);
  database.close();
});

test("[TAB-4] a frozen leader is replaced, and when it wakes it writes nothing and follows", async () => {
  const leader = openTab();
  expect(await leader.send("before")).toEqual(accepted("before"));
  const follower = openTab();
  await follower.shows("before");
  const act = leader.send("freeze");
  await new Promise((resolve) => setTimeout(resolve, 200)); // The leader's thread stands still by now, for two seconds.
  expect(await follower.send("meanwhile")).toEqual(accepted("meanwhile"));
  expect(await terms()).toBe(2);
  // The fence stops what it was about to write: the act is done by the next leader, once.
  expect(await act).toEqual(accepted("freeze"));
  await Promise.all([leader.shows("meanwhile"), follower.shows("freeze")]);
  leader.kill();
  follower.kill();
  const last = openTab();
  await last.shows("meanwhile");
  const subjects = last.snapshots.at(-1)?.problems.map(({ subject }) => subject);
  expect(subjects?.sort()).toEqual(["before", "freeze", "meanwhile"]);
});
