import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import type { Random } from "../crypto/cipher-suite.ts";
import type { GroupWireFormat } from "../framing/message.ts";
import { CAPABILITIES, found, join, nextOf, packageOf, person, testDeps } from "../testing/people.ts";
import {
  advanceMember,
  advancePast,
  retireMember,
  type StoredMember,
  storeMember,
} from "../testing/stored-member.ts";
import type { EngineDeps } from "./authentication.ts";
import { exportGroupInfo } from "./export-group-info.ts";
import { proposeSelf } from "./external-proposal.ts";
import { epochAuthenticator, type GroupState, members } from "./group-state.ts";
import { joinByExternalCommit } from "./join-by-external-commit.ts";
import { openLate, retireEpoch } from "./past-epoch.ts";
import { processMessage } from "./process-message.ts";
import { safeExportSecret } from "./safe-exporter.ts";
import { createApplicationMessage, proposeRemove, proposeUpdate } from "./send-message.ts";
import type { CommitIntent } from "./commit-intent.ts";
import { stageCommit } from "./stage-commit.ts";
import type { StagedCommit } from "./staged-commit.ts";

const PAST_EPOCHS = 3;

/** A group under a random schedule: everybody's state lives in records, messages arrive late and out of order. */
interface World {
  readonly deps: EngineDeps;
  readonly random: Random;
  readonly people: Map<string, StoredMember>;
  /** Application messages still under way, by reader. */
  readonly late: { reader: string; message: Uint8Array; epoch: bigint; text: string }[];
  names: number;
  texts: number;
  read: number;
}

describe("[GROUP-1] under a random schedule of joins, leaves, updates, races, crashes and late messages", () => {
  test.each(["one", "two", "three"])("all members agree after every commit: seed %s", async (seed) => {
    const yes = (): Promise<boolean> => Promise.resolve(true);
    const external = { allowCommit: yes, allowProposal: yes };
    const deps: EngineDeps = { ...testDeps(`schedule ${seed}`), external };
    const world: World = {
      deps,
      random: deps.random,
      people: new Map(),
      late: [],
      names: 0,
      texts: 0,
      read: 0,
    };
    const founder = await person("p0", deps.random);
    world.people.set("p0", storeMember(await found(founder, deps)));
    world.names = 1;
    for (let step = 0; step < 70; step++) {
      await act(world);
      for (let i = 0; i < 3; i++) await deliverOne(world);
    }
    while (world.late.length > 0) await deliverOne(world);
    expect(world.read).toBeGreaterThan(20);
    expect(world.people.size).toBeGreaterThan(1);
  });
});

async function act(world: World): Promise<void> {
  const roll = pick(world.random, 12);
  if (world.people.size < 3 || (roll < 2 && world.people.size < 14)) return addSomebody(world);
  if (roll < 5) return sendText(world);
  if (roll < 6) return propose(world);
  if (roll < 7) {
    await commit(world, { remove: [victimOf(world)] });
    return;
  }
  if (roll < 8) return comeFromOutside(world);
  if (roll < 9) return askToBeAdded(world);
  if (roll < 8) return exportOnce(world);
  return race(world);
}

/** Somebody joins by a commit of their own: a newcomer, or a member that has lost its state. */
async function comeFromOutside(world: World): Promise<void> {
  const { deps } = world;
  const [lost, former] = anybody(world);
  const comesBack = pick(world.random, 2) === 0;
  const who = await person(comesBack ? lost : `p${world.names++}`, deps.random);
  const joined = await joinByExternalCommit({
    groupInfo: await exportGroupInfo(anybody(world)[1].state),
    credential: who.credential,
    signatureKey: who.signatureKey,
    capabilities: CAPABILITIES,
    ...(comesBack && { remove: former.state.ownLeaf }),
    deps,
  });
  for (const [reader, member] of world.people) {
    enter(world, reader, member, (await follow(member, joined.message, deps)).next);
  }
  world.people.set(who.name, storeMember(nextOf(joined)));
  agree(world);
}

/** A newcomer proposes to be added, and somebody commits it with whatever else is pending. */
async function askToBeAdded(world: World): Promise<void> {
  const { deps } = world;
  const { groupId, epoch } = anybody(world)[1].state.context;
  const who = await person(`p${world.names++}`, deps.random);
  const made = await packageOf(who, deps.random);
  const { signatureKey } = who;
  const { message } = await proposeSelf({ groupId, epoch, keyPackage: made.keyPackage, signatureKey });
  for (const member of world.people.values()) {
    advanceMember(member, (await processMessage(member.state, message, deps)).state);
  }
  const staged = await commit(world, {});
  if (staged?.welcome === undefined) throw new Error("the one who asked isn't added");
  world.people.set(who.name, storeMember(await join(who, made, staged.welcome, deps)));
  agree(world);
}

/** Handshake messages go out in either wire format. */
function anyFraming(world: World): { wireFormat: GroupWireFormat } {
  return { wireFormat: pick(world.random, 3) === 0 ? "publicMessage" : "privateMessage" };
}

async function addSomebody(world: World): Promise<void> {
  const { deps } = world;
  const count = 1 + pick(world.random, 3);
  const joiners = [];
  for (let i = 0; i < count; i++) {
    const who = await person(`p${world.names++}`, deps.random);
    joiners.push({ who, made: await packageOf(who, deps.random) });
  }
  const path = pick(world.random, 2) === 0 ? "always" : "whenRequired";
  const staged = await commit(world, { add: joiners.map(({ made }) => made.keyPackage), path });
  if (staged?.welcome === undefined) return;
  for (const { who, made } of joiners) {
    world.people.set(who.name, storeMember(await join(who, made, staged.welcome, deps)));
  }
  agree(world);
}

async function sendText(world: World): Promise<void> {
  const [name, sender] = anybody(world);
  const text = `text ${world.texts++}`;
  const sent = await createApplicationMessage(sender.state, utf8ToBytes(text), {}, world.deps);
  const { epoch } = sender.state.context;
  advanceMember(sender, sent.state);
  for (const reader of world.people.keys()) {
    if (reader !== name) world.late.push({ reader, message: sent.message, epoch, text });
  }
}

async function propose(world: World): Promise<void> {
  const [name, sender] = anybody(world);
  const sent =
    pick(world.random, 2) === 0
      ? await proposeUpdate(sender.state, {}, anyFraming(world), world.deps)
      : await proposeRemove(sender.state, sender.state.ownLeaf, anyFraming(world), world.deps);
  if (world.people.size < 4 && sent.state.proposals.size > 0) return;
  advanceMember(sender, sent.state);
  for (const [reader, member] of world.people) {
    if (reader === name) continue;
    const heard = await processMessage(member.state, sent.message, world.deps, { allowPublic: true });
    advanceMember(member, heard.state);
  }
}

/** Two stage a commit; the first wins, the second crashes and drops its own. */
async function race(world: World): Promise<void> {
  const [, loser] = anybody(world);
  const lost = await stageCommit(loser.state, anyFraming(world), world.deps);
  advanceMember(loser, lost.state);
  const { groupId, epoch } = loser.state.context;
  const inject = pick(world.random, 2) === 0;
  await commit(world, inject ? { psks: [{ kind: "resumption", groupId, epoch }], path: "whenRequired" } : {});
}

/** Everybody exports the same for a component, and nobody twice. */
function exportOnce(world: World): void {
  const componentId = pick(world.random, 0x1_0000);
  const secrets = [...world.people.values()].map((member) => {
    const { state, secret } = safeExportSecret(member.state, componentId);
    advanceMember(member, state);
    expect(() => safeExportSecret(member.state, componentId)).toThrow("exported before");
    return bytesToHex(secret);
  });
  expect(new Set(secrets).size).toBe(1);
}

async function commit(world: World, intent: CommitIntent): Promise<StagedCommit | undefined> {
  const { deps } = world;
  const [name, committer] = anybody(world);
  if (intent.remove?.includes(committer.state.ownLeaf) === true) return undefined;
  const { state, staged } = await stageCommit(committer.state, { ...intent, ...anyFraming(world) }, deps);
  advanceMember(committer, state);
  for (const [reader, member] of world.people) {
    const taken = reader === name ? staged : await follow(member, staged.message, deps);
    enter(world, reader, member, taken.next);
  }
  agree(world);
  return staged;
}

async function follow(member: StoredMember, message: Uint8Array, deps: EngineDeps): Promise<StagedCommit> {
  const processed = await processMessage(member.state, message, deps, { allowPublic: true });
  if (processed.kind !== "commit") throw new Error("not a commit");
  return processed.staged;
}

function enter(world: World, name: string, member: StoredMember, next: GroupState | undefined): void {
  if (next === undefined) {
    world.people.delete(name);
    world.late.splice(0, world.late.length, ...world.late.filter(({ reader }) => reader !== name));
    return;
  }
  const past = retireEpoch(member.state, next);
  advanceMember(member, next);
  retireMember(member, past, PAST_EPOCHS);
}

/** One of the messages under way arrives: in its epoch, late, or too late. */
async function deliverOne(world: World): Promise<void> {
  const [entry] = world.late.splice(pick(world.random, world.late.length), 1);
  const member = entry && world.people.get(entry.reader);
  if (entry === undefined || member === undefined) return;
  const { message, epoch, text } = entry;
  if (epoch === member.state.context.epoch) {
    const opened = await processMessage(member.state, message, world.deps);
    if (opened.kind !== "application") throw new Error("not a text");
    expect(String.fromCharCode(...opened.data)).toBe(text);
    advanceMember(member, opened.state);
    world.read++;
    return;
  }
  const index = member.past.findIndex((past) => past.epoch.context.epoch === epoch);
  const past = member.past[index];
  if (past === undefined) return;
  const opened = await openLate(past.epoch, message);
  expect(String.fromCharCode(...opened.data)).toBe(text);
  advancePast(member, index, opened.past);
  world.read++;
}

function agree(world: World): void {
  const views = new Set(
    [...world.people.values()].map(({ state }) =>
      JSON.stringify([
        bytesToHex(epochAuthenticator(state)),
        members(state).map(({ leaf }) => leaf),
        state.proposals.size,
      ]),
    ),
  );
  expect(views.size).toBe(1);
  const [one] = world.people.values();
  expect(one && members(one.state).length).toBeGreaterThanOrEqual(world.people.size);
}

function anybody(world: World): [string, StoredMember] {
  const entry = [...world.people][pick(world.random, world.people.size)];
  if (entry === undefined) throw new Error("nobody is left");
  return entry;
}

function victimOf(world: World): number {
  return anybody(world)[1].state.ownLeaf;
}

function pick(random: Random, below: number): number {
  const [high = 0, low = 0] = random.bytes(2);
  return below === 0 ? 0 : (high * 256 + low) % below;
}
