/** What a schedule knows of the group while it is drawn: who is in it, what is proposed, what is under way. */
import {
  type Change,
  type CommitStep,
  type Name,
  type Side,
  sideOf,
  type Step,
  type Traits,
} from "./schedule.ts";

export interface Model {
  readonly traits: Readonly<Record<Side, Traits>>;
  readonly steps: Step[];
  readonly members: Set<Name>;
  /** Of this epoch, in order. */
  pending: { readonly by: Name; readonly change: Change }[];
  /** Who was in the group and can come back. */
  readonly outside: Set<Name>;
  readonly named: Record<Side, number>;
  epoch: number;
  /** "bare" as long as no node above a leaf was ever filled; "rooted" where the root surely isn't blank. */
  tree: "bare" | "rooted" | "open";
  texts: number;
  /** Texts that each member has sent in this epoch. */
  readonly sent: Map<Name, number>;
  mail: Mail[];
  /** Texts read in this epoch. */
  read: { readonly text: string; readonly to: Name }[];
  /** The latest generation that a reader has seen of a sender in an epoch. */
  readonly seen: Map<string, number>;
}

/** A text under way to one reader. */
export interface Mail {
  readonly text: string;
  readonly from: Name;
  readonly to: Name;
  readonly epoch: number;
  readonly generation: number;
}

export function createModel(traits: Model["traits"]): Model {
  return {
    traits,
    steps: [],
    members: new Set(),
    pending: [],
    outside: new Set(),
    named: { ours: 0, theirs: 0 },
    epoch: 0,
    tree: "bare",
    texts: 0,
    sent: new Map(),
    mail: [],
    read: [],
    seen: new Map(),
  };
}

export function traitsOf(model: Model, name: Name): Traits {
  return model.traits[sideOf(name)];
}

export function newName(model: Model, side: Side): Name {
  return `${side}-${++model.named[side]}`;
}

export function found(model: Model, by: Name): void {
  model.members.add(by);
  model.steps.push({ act: "found", by });
}

export function propose(model: Model, by: Name, change: Change, asPublic: boolean): void {
  model.pending.push({ by, change });
  model.steps.push({ act: "propose", by, change, public: asPublic });
}

/**
 * Numbers of the pending proposals that a commit with these changes can take along. RFC 9420 §12.2, §12.4: not the
 * committer's Update or Remove; for one leaf any Remove, else the latest Update; nothing twice.
 */
export function takeable(model: Model, by: Name, changes: CommitStep["changes"]): number[] {
  const settled = new Set<Name>([by]);
  for (const change of changes) if (change.kind === "remove") settled.add(change.who);
  const chosen = new Set<number>();
  const entries = [...model.pending.entries()].reverse();
  for (const kind of ["remove", "update"] as const) {
    for (const [number, { by: proposer, change }] of entries) {
      if (change.kind !== kind) continue;
      const target = change.kind === "remove" ? change.who : proposer;
      if (settled.has(target)) continue;
      settled.add(target);
      chosen.add(number);
    }
  }
  for (const [number, { change }] of entries) if (change.kind === "add") chosen.add(number);
  return [...chosen].toSorted((a, b) => a - b);
}

/** All that a commit changes: what it takes along, then its own. */
export function changesOf(model: Model, step: Omit<CommitStep, "members">): Change[] {
  const numbers = step.take === "all" ? takeable(model, step.by, step.changes) : step.take;
  const taken = numbers.flatMap((number) => model.pending[number]?.change ?? []);
  return [...taken, ...step.changes];
}

/** What is known of the tree after a commit, whose path another engine may leave out where none is required. */
export function treeAfter(model: Model, step: Omit<CommitStep, "members">): Model["tree"] {
  const changes = changesOf(model, step);
  const required = changes.length === 0 || changes.some(({ kind }) => kind !== "add");
  if (required || (traitsOf(model, step.by).commits === "any" && !step.pathless)) return "rooted";
  if (model.tree !== "rooted") return model.tree;
  // Adds fill blank leaves first; only past a power of two there is a new root, and it is blank.
  const grown = model.members.size + changes.length;
  return grown <= 2 ** Math.ceil(Math.log2(model.members.size)) ? "rooted" : "open";
}

/** Draws the step and enters its epoch. */
export function commit(model: Model, step: Omit<CommitStep, "members">): void {
  const changes = changesOf(model, step);
  model.tree = treeAfter(model, step);
  for (const change of changes) if (change.kind === "remove") leave(model, change.who);
  for (const change of changes) if (change.kind === "add") enter(model, change.who);
  model.pending = [];
  model.epoch++;
  model.sent.clear();
  model.read = [];
  model.steps.push({ ...step, members: [...model.members].toSorted() });
}

function leave(model: Model, who: Name): void {
  model.members.delete(who);
  if (traitsOf(model, who).comesBack) model.outside.add(who);
  model.mail = model.mail.filter(({ to }) => to !== who);
}

function enter(model: Model, who: Name): void {
  model.members.add(who);
  model.outside.delete(who);
}

export function send(model: Model, by: Name): void {
  const text = `text ${++model.texts} of ${by}`;
  const generation = model.sent.get(by) ?? 0;
  model.sent.set(by, generation + 1);
  for (const to of model.members) {
    if (to !== by) model.mail.push({ text, from: by, to, epoch: model.epoch, generation });
  }
  model.steps.push({ act: "send", by, text });
}

/** Takes a text out of the mail: read, refused where its epoch is too long ago, lost where the reader has given up on it. */
export function deliver(model: Model, mail: Mail): void {
  model.mail = model.mail.filter((other) => other !== mail);
  const { pastEpochs, outOfOrder } = traitsOf(model, mail.to);
  const refused = model.epoch - mail.epoch > pastEpochs;
  const place = `${mail.from} ${mail.to} ${mail.epoch}`;
  const seen = model.seen.get(place) ?? -1;
  if (!refused && seen - mail.generation > outOfOrder) return;
  if (!refused) model.seen.set(place, Math.max(seen, mail.generation));
  if (!refused && mail.epoch === model.epoch) model.read.push({ text: mail.text, to: mail.to });
  model.steps.push({ act: "deliver", text: mail.text, to: mail.to, refused });
}

/** Takes a text out of the mail without a step: it never arrives. */
export function lose(model: Model, mail: Mail): void {
  model.mail = model.mail.filter((other) => other !== mail);
}
