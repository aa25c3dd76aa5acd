// One client of the real thing without its connections, in a group of real engines, for tests of single steps.
import {
  checkKeyPackage,
  createApplicationMessage,
  type GroupState,
  mergeCommit,
  stageCommit,
} from "@thicket/mls";
import { type Entry, fromHex, toHex } from "@thicket/protocol";
import type { ClientEvent } from "../api.ts";
import { SUITE } from "../devices/own-leaf.ts";
import { joinByWelcome } from "../groups/join-group.ts";
import { clearFieldsOf, nextTokenHashOf } from "../groups/judge-commit.ts";
import { parseEpoch, parseGroupId, parseSeq } from "../identity/parse-ids.ts";
import { loadMemory } from "../load-memory.ts";
import { encodeText, mimiIdOf } from "../messages/message-content.ts";
import { encodeMessageHeader } from "../messages/message-header.ts";
import { receiveEntry } from "../messages/receive-entry.ts";
import { emptyMemory } from "../state.ts";
import { beginStep, type Step } from "../step.ts";
import { createMemoryStore } from "./memory-store.ts";
import { depsFor, makeAccount, makeGroup, makeKeyPackage, NOW, randomFrom } from "./people.ts";

export const alice = await makeAccount("alice");
export const bob = await makeAccount("bob");
export const carol = await makeAccount("carol");

/** Bob's client without its connections, in a group that Alice founded; Alice and Carol are engines only. */
export async function openScene() {
  const store = createMemoryStore();
  let memory = emptyMemory();
  let now = NOW;
  const events: ClientEvent[] = [];
  const never = () => Promise.reject(new Error("no network here"));
  const link = { origin: "https://host.example", request: never, login: never, listen: () => () => {} };
  const ports = {
    store,
    relay: link,
    authentication: link,
    clock: { now: () => now, after: () => () => {} },
    random: randomFrom("bob's client"),
    log: () => {},
  };
  const run = async <T>(work: (step: Step) => Promise<T>): Promise<T> => {
    const step = beginStep({ ports, memory, engine: depsFor("bob's engine") });
    const result = await work(step);
    events.push(...(await step.commit()).events);
    return result;
  };
  const keys = { bob: await makeKeyPackage(bob), carol: await makeKeyPackage(carol) };
  await run(async (step) => {
    step.setAccount(bob);
    const { bob: own } = keys;
    const { privateKey } = own.signatureKey;
    if (!(privateKey instanceof Uint8Array)) throw new Error("a seed");
    step.write({
      table: "keyPackages",
      key: [toHex(own.ref)],
      value: {
        suite: SUITE,
        message: own.message,
        initPrivateKey: own.initPrivateKey,
        encryptionPrivateKey: own.encryptionPrivateKey,
        signaturePrivateKey: privateKey,
        signaturePublicKey: own.signatureKey.publicKey,
        lastResort: false,
        notAfter: NOW / 1000 + 1000,
      },
    });
  });
  const founded = await makeGroup(alice);
  const add = await Promise.all(
    [keys.bob, keys.carol].map(({ message }) => checkKeyPackage(message, { suite: SUITE })),
  );
  const { staged } = await stageCommit(founded, { add }, depsFor("adding"));
  const outcome = await run((step) => joinByWelcome(step, bob, toHex(keys.bob.ref), staged.welcome!));
  const groupId = parseGroupId(toHex(founded.context.groupId));
  await run(async (step) => {
    const group = step.group(groupId)!;
    const row = { ...group.row, membership: { state: "member" } as const, branch: 1, seated: true };
    step.setGroup({ ...group, row, cursor: { seq: 1, acked: 0 } });
  });
  let seq = 1;
  const take = (state: GroupState, bytes: Uint8Array, more: Partial<Entry>): Promise<void> => {
    const entry: Entry = {
      seq: parseSeq(++seq),
      epoch: parseEpoch(Number(state.context.epoch)),
      branch: parseSeq(1),
      kind: "application",
      receivedAt: NOW + seq,
      bytes,
      ...more,
    };
    return run((step) => receiveEntry(step, groupId, entry));
  };
  const takeCommit = async (before: GroupState, intent: Parameters<typeof stageCommit>[1], branch = 1) => {
    const made = await stageCommit(before, intent, depsFor(`committing at ${seq}`));
    const { next, message } = made.staged;
    const commit = { nextTokenHash: nextTokenHashOf(next!), ...clearFieldsOf(before, made.staged) };
    await take(before, message, { kind: "commit", commit, branch: parseSeq(branch) });
    return { seq, state: mergeCommit(made.staged), message, commit };
  };
  return {
    groupId,
    store,
    outcome,
    keys,
    welcome: staged.welcome!,
    atAlice: mergeCommit(staged),
    events,
    run,
    take,
    takeCommit,
    memory: () => memory,
    elapse: (ms: number) => void (now += ms),
    async reopen() {
      memory = await loadMemory(store);
    },
    async texts() {
      const rows = await store.list("timeline", { prefix: [groupId] });
      return rows.map(({ value: { content } }) => {
        if (content.kind === "event") return content.event.type;
        return content.body.type === "text" ? content.body.text : content.body.type;
      });
    },
  };
}

export async function textFrom(
  state: GroupState,
  author: typeof alice,
  text: string,
  itemId: string,
  at = NOW,
) {
  const content = encodeText(itemId, text);
  const groupId = parseGroupId(toHex(state.context.groupId));
  const saying = { host: "host.example", groupId, author: author.userId };
  const messageId = mimiIdOf(saying, content, fromHex(itemId));
  const authenticatedData = encodeMessageHeader({ version: 1, at: BigInt(at), messageId });
  return createApplicationMessage(state, content, { authenticatedData }, depsFor(text));
}

export const salt = (digit: string) => digit.repeat(32);
