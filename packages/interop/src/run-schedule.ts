import { parseHeader } from "@thicket/mls";
import {
  type Intent,
  type Participant,
  Refusal,
  type Staged,
  type View,
  type Wanted,
} from "./participant.ts";
import {
  type Change,
  type CommitStep,
  damaged,
  describe,
  type Name,
  type Side,
  sideOf,
  type Step,
} from "./schedule.ts";

export type Engines = Readonly<Record<Side, (name: Name) => Promise<Participant>>>;

export interface RunResult {
  /** Undefined where everything held. */
  readonly failure: RunFailure | undefined;
  /** What the run came to, by what was done and by whom. */
  readonly counts: Readonly<Record<string, number>>;
  /** What all members exported, epoch by epoch: equal for two runs where all engines are deterministic. */
  readonly exported: readonly string[];
}

export interface RunFailure {
  readonly detail: string;
  /** The steps up to the one that failed, as lines. */
  readonly trace: readonly string[];
}

interface World {
  readonly engines: Engines;
  readonly everybody: Map<Name, Participant>;
  members: Set<Name>;
  epoch: bigint;
  readonly texts: Map<string, Uint8Array>;
  readonly counts: Record<string, number>;
  readonly exported: string[];
}

/**
 * Carries out a schedule: every message goes to everybody, and after every commit all members must agree on roster,
 * epoch and exporter secret, and with the schedule on who is a member. What one engine refuses, all refuse.
 */
export async function runSchedule(steps: readonly Step[], engines: Engines): Promise<RunResult> {
  const world: World = {
    engines,
    everybody: new Map(),
    members: new Set(),
    epoch: 0n,
    texts: new Map(),
    counts: {},
    exported: [],
  };
  const { counts, exported } = world;
  for (const [number, step] of steps.entries()) {
    try {
      await carryOut(world, step);
    } catch (error) {
      const detail =
        error instanceof Mismatch ? error.message : String(error instanceof Error ? error.stack : error);
      const trace = steps.slice(0, number + 1).map((done, i) => `${i + 1}. ${describe(done)}`);
      return { failure: { detail, trace }, counts, exported };
    }
  }
  return { failure: undefined, counts, exported };
}

/** The engines are not of one mind. */
class Mismatch extends Error {}

async function carryOut(world: World, step: Step): Promise<void> {
  switch (step.act) {
    case "found": {
      const founder = await participant(world, step.by);
      await founder.found();
      world.members.add(step.by);
      return agree(world, [step.by]);
    }
    case "propose":
      return propose(world, step);
    case "commit":
      return commit(world, step);
    case "send": {
      const message = await accepted(`${step.by} sends`, () => memberNamed(world, step.by).send(step.text));
      checkHeader(world, step.by, message, "application");
      count(world, `texts of ${sideOf(step.by)}`);
      return void world.texts.set(step.text, message);
    }
    case "deliver":
      return deliver(world, step.text, step.to, step.refused);
    case "replay":
      return refused(world, step.to, textNamed(world, step.text), "a text that it has read");
    case "tamper":
      return refused(world, step.to, damaged(textNamed(world, step.text), step.damage), "a damaged text");
    case "restart":
      count(world, `restarts of ${sideOf(step.who)}`);
      return accepted(`${step.who} restarts`, () => memberNamed(world, step.who).restart());
  }
}

async function propose(world: World, step: Extract<Step, { act: "propose" }>): Promise<void> {
  const { by, change } = step;
  const wanted = await wantedOf(world, change);
  const message = await accepted(`${by} proposes`, () => memberNamed(world, by).propose(wanted, step.public));
  checkHeader(world, by, message, "proposal");
  await toAll(world, [by], message, `a proposal of ${by}`);
  count(world, `${change.kind} proposals of ${sideOf(by)}`);
}

async function commit(world: World, step: CommitStep): Promise<void> {
  const { by, race } = step;
  const committer = memberNamed(world, by);
  const lost = race && (await stage(world, { ...PLAIN, by: race.by, changes: [race.change] }));
  const staged = await stage(world, step);
  for (const message of staged.proposals) await toAll(world, [by], message, `a proposal of ${by}`);
  if (step.damage !== undefined) {
    const wrong = damaged(staged.commit, step.damage);
    for (const to of others(world, [by])) await refused(world, to, wrong, "a damaged commit");
  }
  if (race !== undefined) await memberNamed(world, race.by).drop();
  await toAll(world, [by], staged.commit, `the commit of ${by}`);
  await accepted(`${by} merges its commit`, () => committer.merge());
  await welcome(world, step, staged);
  for (const gone of world.members) {
    if (!step.members.includes(gone)) await expectGone(world, gone);
  }
  world.members = new Set(step.members);
  world.epoch++;
  count(world, `commits of ${sideOf(by)}`);
  await agree(world, step.members);
  if (lost === undefined) return;
  for (const to of step.members) await refused(world, to, lost.commit, "a commit of the epoch before");
}

const PLAIN = { take: "all", public: false, pathless: false } as const;

type Asked = Omit<Intent, "changes"> & { readonly by: Name; readonly changes: readonly Change[] };

async function stage(world: World, { by, changes, ...rest }: Asked): Promise<Staged> {
  const wanted: Wanted[] = [];
  for (const change of changes) if (change.kind !== "update") wanted.push(await wantedOf(world, change));
  const staged = await accepted(`${by} commits`, () =>
    memberNamed(world, by).stage({ ...rest, changes: wanted }),
  );
  for (const message of staged.proposals) checkHeader(world, by, message, "proposal");
  checkHeader(world, by, staged.commit, "commit");
  return staged;
}

/** Lets in who was added: they are new in the schedule's list, or were removed by the same commit. */
async function welcome(world: World, step: CommitStep, staged: Staged): Promise<void> {
  const back = step.changes.flatMap((change) => (change.kind === "add" ? [change.who] : []));
  const joining = step.members.filter((name) => !world.members.has(name) || back.includes(name));
  if (joining.length === 0) return;
  if (staged.welcome === undefined)
    throw new Mismatch(`${step.by} made no Welcome for ${joining.join(", ")}`);
  const invitation = { welcome: staged.welcome, tree: await memberNamed(world, step.by).tree() };
  for (const name of joining) {
    const joiner = await participant(world, name);
    await accepted(`${name} joins by the Welcome of ${step.by}`, () => joiner.join(invitation));
    count(world, `joins of ${sideOf(name)} by ${sideOf(step.by)}`);
  }
}

/** Who was removed has nothing more to say. */
async function expectGone(world: World, name: Name): Promise<void> {
  try {
    await memberNamed(world, name).send("still here");
  } catch (error) {
    if (error instanceof Refusal) return;
    throw error;
  }
  throw new Mismatch(`${name} was removed and still sends`);
}

async function agree(world: World, expected: readonly Name[]): Promise<void> {
  const views = await Promise.all(
    expected.map(async (name) => ({
      name,
      view: await accepted(`${name} looks`, () => memberNamed(world, name).view()),
    })),
  );
  const [first] = views;
  if (first === undefined) throw new Mismatch("nobody is left");
  const wanted = expected.toSorted().join(" ");
  for (const { name, view } of views) {
    const names = view.roster.toSorted().join(" ");
    if (names !== wanted) throw new Mismatch(`${name} counts as members: ${names}; they are: ${wanted}`);
    if (view.epoch !== undefined && view.epoch !== world.epoch) {
      throw new Mismatch(`${name} is in epoch ${view.epoch}, not ${world.epoch}`);
    }
    compare("roster", first, { name, view }, ({ roster }) => roster.join(" "));
    compare("exporter secret", first, { name, view }, ({ exported }) => exported);
  }
  world.exported.push(first.view.exported);
}

interface Seen {
  readonly name: Name;
  readonly view: View;
}

function compare(what: string, one: Seen, other: Seen, of: (view: View) => string): void {
  const [a, b] = [of(one.view), of(other.view)];
  if (a !== b) throw new Mismatch(`the ${what} differs: ${one.name} has ${a}; ${other.name} has ${b}`);
}

async function deliver(world: World, text: string, to: Name, tooLate: boolean): Promise<void> {
  const message = textNamed(world, text);
  if (tooLate) return refused(world, to, message, "a text of an epoch long past");
  const read = await accepted(`${to} reads ${text}`, () => memberNamed(world, to).receive(message));
  if (read !== text) throw new Mismatch(`${to} reads "${read}" where "${text}" was sent`);
  count(world, `texts read by ${sideOf(to)}`);
}

async function toAll(world: World, but: readonly Name[], message: Uint8Array, what: string): Promise<void> {
  await Promise.all(
    others(world, but).map((to) =>
      accepted(`${to} takes ${what}`, () => memberNamed(world, to).receive(message)),
    ),
  );
}

async function refused(world: World, to: Name, message: Uint8Array, what: string): Promise<void> {
  try {
    await memberNamed(world, to).receive(message);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return count(world, `refusals by ${sideOf(to)}`);
  }
  throw new Mismatch(`${to} takes ${what}`);
}

/** What must work; an engine's No here is what this harness is looking for. */
async function accepted<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Refusal) throw new Mismatch(`${what}: refused: ${error.message}`);
    throw error;
  }
}

function checkHeader(world: World, by: Name, message: Uint8Array, contentType: string): void {
  const header = parseHeader(message);
  if (header.epoch !== world.epoch || header.contentType !== contentType) {
    throw new Mismatch(
      `${by} sends a ${header.contentType} of epoch ${header.epoch}; a ${contentType} of ${world.epoch} is due`,
    );
  }
}

async function wantedOf(world: World, change: Change): Promise<Wanted> {
  if (change.kind !== "add") return change;
  const newcomer = await participant(world, change.who);
  return { ...change, keyPackage: await newcomer.keyPackage() };
}

async function participant(world: World, name: Name): Promise<Participant> {
  const known = world.everybody.get(name);
  if (known !== undefined) return known;
  const created = await world.engines[sideOf(name)](name);
  world.everybody.set(name, created);
  return created;
}

function memberNamed(world: World, name: Name): Participant {
  const found = world.everybody.get(name);
  if (found === undefined) throw new Error(`${name} is nobody`);
  return found;
}

function others(world: World, but: readonly Name[]): Name[] {
  return [...world.members].filter((name) => !but.includes(name));
}

function textNamed(world: World, text: string): Uint8Array {
  const message = world.texts.get(text);
  if (message === undefined) throw new Error(`${text} was never sent`);
  return message;
}

function count(world: World, what: string): void {
  world.counts[what] = (world.counts[what] ?? 0) + 1;
}
