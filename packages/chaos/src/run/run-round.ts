import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "@thicket/delivery-service/testing";
import type { Violation } from "../check/violation.ts";
import type { Create, History, Operation } from "../history.ts";
import type { Stage } from "../stage/stage.ts";
import type { Client } from "./client.ts";
import { commit, race, supersede, takeOver } from "./commit-acts.ts";
import { concludeRound } from "./conclude-round.ts";
import { knock, openLink, publishLink, withdrawLink } from "./door-acts.ts";
import { drawFaults, type Fault } from "./draw-faults.ts";
import { createGroup, createMembership, type Group } from "./group.ts";
import { claim, countPackages, publish } from "./key-package-acts.ts";
import { playFault } from "./play-fault.ts";
import { acknowledge, confirm, readPage, takeWelcomes } from "./read-acts.ts";
import { createRecorder } from "./recorder.ts";
import { append, pickSeat, replayOne, settleOne, writeAgainstTheRules } from "./write-acts.ts";
import type { Lane, World } from "./world.ts";

export interface RoundOptions {
  stage: Stage;
  clients: readonly Client[];
  seed: number;
  operations: number;
  /** What was published and claimed in the rounds before. */
  earlierPools: readonly Operation[];
  groups: number;
  /** Acts of one client that go on at once. */
  lanes: number;
}

export interface Round {
  readonly groups: readonly Group[];
  readonly history: History;
  readonly violations: readonly Violation[];
  readonly faults: readonly Fault[];
  /** ms from the first operation to the last, without what was done for the check. */
  readonly duration: number;
}

/** Acts and faults until so many operations were asked; then everything is healed, read, and checked. */
export async function runRound(options: RoundOptions): Promise<Round> {
  const { stage, clients, seed } = options;
  const random = seededRandom(seed);
  const faults = drawFaults(random, {
    operations: options.operations,
    nodes: stage.nodes.length,
    servers: stage.servers !== undefined,
  });
  const world: World = {
    clients,
    groups: Array.from({ length: options.groups }, (_, index) => createGroup(index % clients.length, random)),
    invitations: new Map(),
    links: [],
    stopping: false,
  };
  const playing: Promise<void>[] = [];
  const broken: unknown[] = [];
  let next = 0;
  const recorder = createRecorder((count) => {
    for (let fault = faults[next]; fault && fault.at <= count; fault = faults[++next]) {
      playing.push(playFault(stage, fault).catch((error: unknown) => void broken.push(error)));
    }
    if (count >= options.operations) world.stopping = true;
  }, options.earlierPools);

  const started = performance.now();
  for (const client of clients) {
    client.memberships.clear();
    client.start(recorder);
  }
  // The first lane of each client founds the group that it is the founder of, and so on.
  const lanes = Array.from({ length: options.lanes }, () => clients)
    .flat()
    .map((client, index): Lane => {
      const own = seededRandom(seed + 7919 * (index + 1));
      return { world, client, random: own, unsettled: [], taken: [] };
    });
  await Promise.all(lanes.map((lane, index) => runLane(lane, world.groups[index])));
  const duration = performance.now() - started;
  await Promise.all(playing);
  if (broken.length > 0) throw broken[0];
  await stage.heal();
  await Promise.all(
    lanes.map(async (lane) => {
      while (lane.unsettled.length > 0) await settleOne(lane);
    }),
  );
  const conclusion = await concludeRound(world, recorder, stage.servers !== undefined);
  for (const client of clients) client.stop();
  return { ...conclusion, groups: world.groups, faults, duration };
}

async function runLane(lane: Lane, founds: World["groups"][number] | undefined): Promise<void> {
  const { world, client } = lane;
  if (founds !== undefined) await found(lane, founds);
  while (!world.stopping) {
    const before = performance.now();
    await act(lane);
    // Where nothing could be done, or the relay wants time, others come first.
    if (performance.now() - before < 1 || !client.isConnected()) await sleep(2 + lane.random.below(10));
  }
}

/** -> whether anything was asked. */
async function act(lane: Lane): Promise<unknown> {
  const { client, random, world } = lane;
  if (client.welcomeWaits) return takeWelcomes(world, client, random.below(8) === 0);
  if (lane.unsettled.length > 0 && random.below(2) === 0) return settleOne(lane);
  const draw = random.below(1000);
  if (draw < 580) return append(lane);
  if (draw < 588) return publishLink(lane);
  if (draw < 592) return withdrawLink(lane);
  if (draw < 601) return openLink(lane);
  if (draw < 612) return knock(lane);
  if (draw < 620) return takeOver(lane);
  if (draw < 665) return commit(lane);
  if (draw < 690) return race(lane);
  if (draw < 705) return supersede(lane);
  if (draw < 715) return confirmOne(lane);
  if (draw < 800) return readPage(lane);
  if (draw < 890) return acknowledge(lane);
  if (draw < 925) return replayOne(lane);
  if (draw < 950) return writeAgainstTheRules(lane);
  if (draw < 972) return claim(lane);
  if (draw < 978) return publish(lane);
  if (draw < 986) return countPackages(client);
  if (draw < 998) return takeWelcomes(world, client, false);
  return client.reconnect();
}

async function confirmOne(lane: Lane): Promise<void> {
  const membership = pickSeat(lane);
  if (membership !== undefined) await confirm(lane.client, membership);
}

/** Creates the group, however often it takes, and invites the first members. */
async function found(lane: Lane, group: World["groups"][number]): Promise<void> {
  const { client, world } = lane;
  const seatId = group.founderSeat;
  const first = group.places.get(0);
  if (first === undefined) throw new Error("a group without a beginning");
  const membership = createMembership(group, {
    seatId,
    seatToken: client.randomToken(),
    firstToken: first.token,
  });
  const request = {
    groupId: group.groupId,
    seatId,
    seatToken: membership.seatToken,
    epochTokenHash: createHash("sha256").update(first.token).digest(),
  };
  for (;;) {
    const operation = await client.ask<"group.create", Create>(
      "group.create",
      request,
      { op: "create", groupId: group.groupId, seatId },
      () => ({}),
    );
    if (operation?.outcome.kind === "ok") break;
    if (world.stopping) return;
    await sleep(20);
  }
  membership.known = true;
  membership.enter(0);
  client.memberships.set(seatId, membership);
  await client.attach([membership]);
}
