import { expect, test } from "vitest";
import { drawSchedule } from "./draw-schedule.ts";
import { openmlsParticipant, OPENMLS_SUITE, OPENMLS_TRAITS } from "./openmls.ts";
import { type Participant, Refusal } from "./participant.ts";
import { type RunResult, runSchedule } from "./run-schedule.ts";
import { damaged, type Step } from "./schedule.ts";
import { THICKET_TRAITS, thicketParticipant } from "./thicket.ts";

const TIMEOUT = 120_000;

/** Our engine on both sides; `spoil` changes what the other side does. */
function runAlone(steps: readonly Step[], spoil = (one: Participant) => one): Promise<RunResult> {
  return runSchedule(steps, {
    ours: (name) => thicketParticipant(name, 1, "test"),
    theirs: async (name) => spoil(await thicketParticipant(name, 1, "test")),
  });
}

function schedule(seed: number): Step[] {
  return drawSchedule({ seed, steps: 25, ours: THICKET_TRAITS, theirs: THICKET_TRAITS });
}

/** Two of ours and one of theirs; a text that theirs reads. */
const PRIVATE = { public: false, pathless: false };
const SHORT: readonly Step[] = [
  { act: "found", by: "ours-1" },
  {
    act: "commit",
    by: "ours-1",
    changes: [
      { kind: "add", who: "theirs-1" },
      { kind: "add", who: "ours-2" },
    ],
    take: "all",
    ...PRIVATE,
    members: ["ours-1", "ours-2", "theirs-1"],
  },
  { act: "send", by: "ours-2", text: "hello" },
  { act: "deliver", text: "hello", to: "theirs-1", refused: false },
  { act: "replay", text: "hello", to: "theirs-1" },
  {
    act: "commit",
    by: "theirs-1",
    changes: [],
    take: "all",
    ...PRIVATE,
    members: ["ours-1", "ours-2", "theirs-1"],
  },
  {
    act: "commit",
    by: "ours-1",
    changes: [{ kind: "remove", who: "theirs-1" }],
    take: "all",
    ...PRIVATE,
    members: ["ours-1", "ours-2"],
  },
];

test(
  "An engine that is right passes, and a seed gives the same secrets each time",
  { timeout: TIMEOUT },
  async () => {
    const [once, again] = [await runAlone(schedule(3)), await runAlone(schedule(3))];
    expect(once.failure).toBeUndefined();
    expect(once.exported.length).toBeGreaterThan(5);
    expect(again).toEqual(once);
  },
);

test("[INTEROP-1] OpenMLS and this engine agree after every commit", { timeout: TIMEOUT }, async () => {
  const steps = drawSchedule({ seed: 3, steps: 25, ours: THICKET_TRAITS, theirs: OPENMLS_TRAITS });
  const result = await runSchedule(steps, {
    ours: (name) => thicketParticipant(name, OPENMLS_SUITE, "test"),
    theirs: (name) => openmlsParticipant(name),
  });
  expect(result.failure).toBeUndefined();
  expect(result.counts["commits of theirs"]).toBeGreaterThan(0);
});

const wrongs: { what: string; spoil: (one: Participant) => Participant; seen: string }[] = [
  {
    what: "exports another secret",
    spoil: (one) => ({ ...one, view: async () => ({ ...(await one.view()), exported: "00" }) }),
    seen: "the exporter secret differs: ours-1 has",
  },
  {
    what: "has the leaves in another order",
    spoil: (one) => ({
      ...one,
      view: async () => {
        const view = await one.view();
        return { ...view, roster: view.roster.toReversed() };
      },
    }),
    seen: "the roster differs: ours-1 has ours-1 theirs-1 ours-2; theirs-1 has ours-2 theirs-1 ours-1",
  },
  {
    what: "counts a member too few",
    spoil: (one) => ({
      ...one,
      view: async () => {
        const view = await one.view();
        return { ...view, roster: view.roster.slice(1) };
      },
    }),
    seen: "theirs-1 counts as members: ours-2 theirs-1; they are: ours-1 ours-2 theirs-1",
  },
  {
    what: "is an epoch behind",
    spoil: (one) => ({ ...one, view: async () => ({ ...(await one.view()), epoch: 0n }) }),
    seen: "theirs-1 is in epoch 0, not 1",
  },
  {
    what: "refuses what the others take",
    spoil: (one) => ({ ...one, receive: () => Promise.reject(new Refusal("no")) }),
    seen: "theirs-1 reads hello: refused: no",
  },
  {
    what: "takes what the others refuse",
    spoil: (one) => ({ ...one, receive: (message) => one.receive(message).catch(() => "hello") }),
    seen: "theirs-1 takes a text that it has read",
  },
  {
    what: "reads another text",
    spoil: (one) => ({ ...one, receive: async (message) => `${await one.receive(message)}!` }),
    seen: 'theirs-1 reads "hello!" where "hello" was sent',
  },
  {
    what: "makes a commit that nobody can follow",
    spoil: (one) => ({
      ...one,
      stage: async (intent) => {
        const staged = await one.stage(intent);
        return { ...staged, commit: damaged(staged.commit, { kind: "flip body", at: 0.99 }) };
      },
    }),
    seen: "ours-1 takes the commit of theirs-1: refused",
  },
  {
    what: "goes on after its removal",
    spoil: (one) => ({ ...one, send: async () => new Uint8Array() }),
    seen: "theirs-1 was removed and still sends",
  },
  {
    what: "crashes",
    spoil: (one) => ({ ...one, receive: () => Promise.reject(new TypeError("undefined is not a function")) }),
    seen: "TypeError: undefined is not a function",
  },
];

test.each(wrongs)(
  "[INTEROP-2] an engine that $what is found out",
  { timeout: TIMEOUT },
  async ({ spoil, seen }) => {
    expect((await runAlone(SHORT)).failure).toBeUndefined();
    const { failure } = await runAlone(SHORT, spoil);
    expect(failure?.detail).toContain(seen);
    expect(failure?.trace.at(0)).toBe('1. {"act":"found","by":"ours-1"}');
  },
);
