import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import type { Random } from "../crypto/cipher-suite.ts";
import { found, join, packageOf, person, testDeps } from "../testing/people.ts";
import {
  advanceMember,
  advancePast,
  retireMember,
  type StoredMember,
  storeMember,
} from "../testing/stored-member.ts";
import type { EngineDeps } from "./authentication.ts";
import { epochAuthenticator, type GroupState, members } from "./group-state.ts";
import { openLate, retireEpoch } from "./past-epoch.ts";
import { processMessage } from "./process-message.ts";
import { createApplicationMessage, proposeRemove, proposeUpdate } from "./send-message.ts";
import { type CommitIntent, stageCommit } from "./stage-commit.ts";
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
    const deps = testDeps(`schedule ${seed}`);
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
    for (let step = 0; step < 60; step++) {
      await act(world);
      for (let i = 0; i < 3; i++) await deliverOne(world);
    }
    while (world.late.length > 0) await deliverOne(world);
    expect(world.read).toBeGreaterThan(20);
    expect(world.people.size).toBeGreaterThan(1);
  });
});

async function act(world: World): Promise<void> {
  const roll = pick(world.random, 10);
  if (world.people.size < 3 || (roll < 2 && world.people.size < 14)) return addSomebody(world);
  if (roll < 5) return sendText(world);
  if (roll < 6) return propose(world);
  if (roll < 7) {
    await commit(world, { remove: [victimOf(world)] });
    return;
  }
  return race(world);
}

async function addSomebody(world: World): Promise<void> {
  const { deps } = world;
  const count = 1 + pick(world.random, 3);
  const joiners = [];
  for (let i = 0; i < count; i++) {
    const who = await person(`p${world.names++}`, deps.random);
    joiners.push({ who, made: await packageOf(who, deps.random) });
  }
  const staged = await commit(world, { add: joiners.map(({ made }) => made.keyPackage) });
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
      ? await proposeUpdate(sender.state, {}, {}, world.deps)
      : await proposeRemove(sender.state, sender.state.ownLeaf, {}, world.deps);
  if (world.people.size < 4 && sent.state.proposals.size > 0) return;
  advanceMember(sender, sent.state);
  for (const [reader, member] of world.people) {
    if (reader === name) continue;
    advanceMember(member, (await processMessage(member.state, sent.message, world.deps)).state);
  }
}

/** Two stage a commit; the first wins, the second crashes and drops its own. */
async function race(world: World): Promise<void> {
  const [, loser] = anybody(world);
  const lost = await stageCommit(loser.state, {}, world.deps);
  advanceMember(loser, lost.state);
  await commit(world, {});
}

async function commit(world: World, intent: CommitIntent): Promise<StagedCommit | undefined> {
  const { deps } = world;
  const [name, committer] = anybody(world);
  if (intent.remove?.includes(committer.state.ownLeaf) === true) return undefined;
  const { state, staged } = await stageCommit(committer.state, intent, deps);
  advanceMember(committer, state);
  for (const [reader, member] of world.people) {
    const taken = reader === name ? staged : await follow(member, staged.message, deps);
    enter(world, reader, member, taken.next);
  }
  agree(world);
  return staged;
}

async function follow(member: StoredMember, message: Uint8Array, deps: EngineDeps): Promise<StagedCommit> {
  const processed = await processMessage(member.state, message, deps);
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
