import {
  changesOf,
  commit,
  createModel,
  deliver,
  found,
  lose,
  type Mail,
  type Model,
  newName,
  propose,
  send,
  takeable,
  traitsOf,
  treeAfter,
} from "./model.ts";
import {
  type Change,
  type CommitStep,
  type Damage,
  type DamageKind,
  DAMAGES,
  type Name,
  sideOf,
  type Step,
  type Traits,
} from "./schedule.ts";
import { createDice, type Dice } from "./seeded.ts";

export interface ScheduleOptions {
  readonly seed: number;
  /** Acts; the deliveries between them are not counted. */
  readonly steps: number;
  readonly ours: Traits;
  readonly theirs: Traits;
}

/** So many members at most that a commit of three adds can start from. */
const MOST_MEMBERS = 11;
/** Of every so many members one is theirs. */
const OURS_PER_THEIRS = 3;

/**
 * The schedule of a seed: the same steps for the same options, drawn without any engine. Every commit says who is a
 * member after it, every delivery whether it is refused: all engines are held to that.
 */
export function drawSchedule(options: ScheduleOptions): Step[] {
  const dice = createDice(`schedule ${options.seed}`);
  const model = createModel({ ours: options.ours, theirs: options.theirs });
  found(model, newName(model, dice.chance(0.5) ? "ours" : "theirs"));
  const tide = { target: 2 + dice.int(MOST_MEMBERS - 1) };
  for (let acts = 0; acts < options.steps; acts++) {
    turn(model, dice, tide);
    actOnce(model, dice, tide.target);
    for (let i = dice.int(5); i > 0; i--) deliverOne(model, dice);
  }
  while (model.mail.length > 0) deliver(model, dice.pick(model.mail));
  return model.steps;
}

/** The group grows to its target, then shrinks to the next one, so that leaves are emptied and filled again. */
function turn(model: Model, dice: Dice, tide: { target: number }): void {
  if (model.members.size !== tide.target) return;
  tide.target = dice.chance(0.3) ? 1 + dice.int(2) : 1 + dice.int(MOST_MEMBERS);
}

function actOnce(model: Model, dice: Dice, target: number): void {
  const by = dice.pick([...model.members]);
  const roll = dice.int(100);
  if (model.members.size > 1) {
    if (roll < 22) return sendSomething(model, by);
    if (roll < 42) return proposeSomething(model, dice, by, target);
    if (roll < 50) return void model.steps.push({ act: "restart", who: by });
    if (roll < 55) return replay(model, dice);
    if (roll < 60) return tamper(model, dice);
  }
  commitSomething(model, dice, by, target);
}

function sendSomething(model: Model, by: Name): void {
  if (model.pending.length === 0 || traitsOf(model, by).sendsWhilePending) send(model, by);
}

function proposeSomething(model: Model, dice: Dice, by: Name, target: number): void {
  const { proposes } = traitsOf(model, by);
  const growing = model.members.size < target;
  const wanted = dice.int(10) < 4 ? "update" : growing ? "add" : "remove";
  if (!proposes.includes(wanted)) return;
  const change = changeOf(model, dice, by, wanted);
  // An equal proposal of the same sender is the same signed bytes: a replay.
  const repeated = model.pending.some((other) => other.by === by && same(other.change, change));
  if (change !== undefined && !repeated) propose(model, by, change, inPublic(model, dice, by));
}

/** Whether it goes out as a PublicMessage: only who can choose does, and only where all take it. */
function inPublic(model: Model, dice: Dice, by: Name): boolean {
  const possible = [...model.members].every((name) => traitsOf(model, name).takesPublic);
  return possible && traitsOf(model, by).commits === "any" && dice.chance(0.25);
}

function same(a: Change, b: Change | undefined): boolean {
  return a.kind === "remove" && b?.kind === "remove" && a.who === b.who;
}

/** A change of that kind by this member, if there is anybody to add or remove. */
function changeOf(model: Model, dice: Dice, by: Name, kind: Change["kind"]): Change | undefined {
  if (kind === "update") return { kind };
  if (kind === "add") return { kind, who: newcomer(model, dice, []) };
  const who = victim(model, dice, by, []);
  return who === undefined ? undefined : { kind, who };
}

function commitSomething(model: Model, dice: Dice, by: Name, target: number): void {
  if (!canCommit(model, by)) return;
  const changes =
    traitsOf(model, by).commits === "any"
      ? mixedChanges(model, dice, by, target)
      : singleChange(model, dice, by, target);
  if (changes === undefined) return;
  if (!traitsOf(model, by).settlesUpdates && dropsOneUpdate(model, changes)) return;
  const all = takeable(model, by, changes);
  const free = traitsOf(model, by).commits === "any";
  const take = free && dice.chance(0.25) ? all.filter(() => dice.chance(0.5)) : "all";
  const framing = { public: inPublic(model, dice, by), pathless: free && dice.chance(0.25) };
  const race = dice.chance(0.15) ? raceOf(model, dice, by) : undefined;
  const damage = dice.chance(0.1) ? damageForAll(model, dice) : undefined;
  const step = {
    act: "commit",
    by,
    changes,
    take,
    ...framing,
    ...(race && { race }),
    ...(damage && { damage }),
  } as const;
  if (!canJoin(model, step)) {
    if (!free) return;
    framing.pathless = false;
  }
  // What is still under way is read before the epoch ends, or late.
  if (dice.chance(0.5)) for (const mail of model.mail) if (dice.chance(0.7)) deliver(model, mail);
  commit(model, { ...step, ...framing });
}

/** Whether all who are added by this commit can make something of the tree that they get. */
function canJoin(model: Model, step: Omit<CommitStep, "members">): boolean {
  if (treeAfter(model, step) !== "open") return true;
  return changesOf(model, step).every(
    (change) => change.kind !== "add" || traitsOf(model, change.who).joinsUnderBlankRoot,
  );
}

function canCommit(model: Model, by: Name): boolean {
  const leaving = model.pending.some(({ change }) => change.kind === "remove" && change.who === by);
  return !leaving || traitsOf(model, by).commitsWhileLeaving;
}

/** Whether some pending Update goes in and another has to be left out: of the same member, or of one who is removed. */
function dropsOneUpdate(model: Model, changes: CommitStep["changes"]): boolean {
  const all = [...model.pending.map(({ change }) => change), ...changes];
  const removed = all.flatMap((change) => (change.kind === "remove" ? [change.who] : []));
  const updating = model.pending.flatMap((one) => (one.change.kind === "update" ? [one.by] : []));
  return (
    updating.length > new Set(updating.filter((who) => !removed.includes(who))).size && updating.length > 1
  );
}

/** Several removes and adds, someone who leaves and comes back in one commit, or a path alone. */
function mixedChanges(model: Model, dice: Dice, by: Name, target: number): CommitStep["changes"] {
  const changes: CommitStep["changes"][number][] = [];
  const growing = model.members.size < target;
  const roll = dice.int(10);
  if (roll < 2 && model.members.size > 1) return changes;
  const gone: Name[] = [];
  const removes = growing ? (roll < 4 ? 1 : 0) : 1 + dice.int(3);
  for (let i = 0; i < removes; i++) {
    const who = victim(model, dice, by, gone);
    if (who !== undefined) gone.push(who);
  }
  changes.push(...gone.map((who) => ({ kind: "remove" as const, who })));
  const back = gone.filter((who) => traitsOf(model, who).comesBack && dice.chance(0.2));
  const adds = growing ? 1 + dice.int(3) : roll < 4 ? 1 : 0;
  for (let i = 0; i < adds; i++) back.push(newcomer(model, dice, back));
  changes.push(...back.map((who) => ({ kind: "add" as const, who })));
  return changes;
}

/** What this engine's commit can hold besides all that is pending. */
function singleChange(model: Model, dice: Dice, by: Name, target: number): CommitStep["changes"] | undefined {
  const kinds = kindsOf(model, by);
  const wanted = model.members.size < target ? "add" : "remove";
  const kind = kinds.includes(wanted) && dice.chance(0.5) ? wanted : dice.pick(kinds);
  if (kind === "pending") return [];
  if (kind === "add" && model.members.size > MOST_MEMBERS) return undefined;
  const change = changeOf(model, dice, by, kind);
  return change === undefined || change.kind === "update" ? undefined : [change];
}

/** How this member can commit now, where it can't at will. */
function kindsOf(model: Model, by: Name): ("add" | "remove" | "pending")[] {
  const { commits } = traitsOf(model, by);
  if (commits === "any") return [];
  const last = model.pending.at(-1);
  const offered = last !== undefined && last.by !== by;
  return commits.filter((kind) => kind !== "pending" || offered);
}

function raceOf(model: Model, dice: Dice, by: Name): CommitStep["race"] {
  const others = [...model.members].filter((name) => name !== by && canCommit(model, name));
  if (others.length === 0) return undefined;
  const loser = dice.pick(others);
  const kinds = kindsOf(model, loser).filter((kind) => kind !== "pending");
  const change = changeOf(
    model,
    dice,
    loser,
    kinds.length === 0 ? dice.pick(["add", "update"]) : dice.pick(kinds),
  );
  return change && { by: loser, change };
}

/** Somebody new, or somebody who was here before; not whom a proposal or this commit adds already. */
function newcomer(model: Model, dice: Dice, taken: readonly Name[]): Name {
  const proposed = model.pending.map(({ change }) => (change.kind === "add" ? change.who : ""));
  const back = [...model.outside].filter((name) => !taken.includes(name) && !proposed.includes(name));
  if (back.length > 0 && dice.chance(0.4)) return dice.pick(back);
  const names = [...model.members, ...proposed.filter((name) => name !== ""), ...taken];
  const theirs = names.filter((name) => sideOf(name) === "theirs").length;
  return newName(model, theirs * OURS_PER_THEIRS < names.length ? "theirs" : "ours");
}

/** Somebody else; the last of theirs is mostly spared, since without them nothing is compared. */
function victim(model: Model, dice: Dice, by: Name, taken: readonly Name[]): Name | undefined {
  const others = [...model.members].filter((name) => name !== by && !taken.includes(name));
  if (others.length === 0) return undefined;
  const chosen = dice.pick(others);
  const left = others.filter((name) => sideOf(name) === "theirs");
  if (sideOf(chosen) === "theirs" && left.length === 1 && dice.chance(0.7)) return dice.pick(others);
  return chosen;
}

/** One text arrives: mostly of any age and order. */
function deliverOne(model: Model, dice: Dice): void {
  if (model.mail.length > 0) deliver(model, dice.pick(model.mail));
}

function replay(model: Model, dice: Dice): void {
  const read = model.read.filter(({ to }) => model.members.has(to));
  if (read.length > 0) model.steps.push({ act: "replay", ...dice.pick(read) });
}

function tamper(model: Model, dice: Dice): void {
  const readable = model.mail.filter(
    (mail) => model.epoch - mail.epoch <= traitsOf(model, mail.to).pastEpochs && !tooLate(model, mail),
  );
  if (readable.length === 0) return;
  const mail = dice.pick(readable);
  const { damages, outlivesDamage } = traitsOf(model, mail.to);
  model.steps.push({ act: "tamper", text: mail.text, to: mail.to, damage: damageOf(dice, damages) });
  if (!outlivesDamage) lose(model, mail);
}

function tooLate(model: Model, mail: Mail): boolean {
  const seen = model.seen.get(`${mail.from} ${mail.to} ${mail.epoch}`) ?? -1;
  return seen - mail.generation > traitsOf(model, mail.to).outOfOrder;
}

/** A damaged commit that arrives before the true one, where every member withstands it. */
function damageForAll(model: Model, dice: Dice): Damage | undefined {
  const all = [...model.members].map((name) => traitsOf(model, name));
  if (!all.every(({ outlivesDamage }) => outlivesDamage)) return undefined;
  const common = DAMAGES.filter((kind) => all.every(({ damages }) => damages.includes(kind)));
  return common.length === 0 ? undefined : damageOf(dice, common);
}

function damageOf(dice: Dice, kinds: readonly DamageKind[]): Damage {
  return { kind: dice.pick(kinds), at: dice.int(1000) / 1000 };
}
