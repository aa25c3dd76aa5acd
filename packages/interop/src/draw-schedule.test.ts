import { expect, test } from "vitest";
import { drawSchedule } from "./draw-schedule.ts";
import { OPENMLS_TRAITS } from "./openmls.ts";
import { type CommitStep, sideOf, type Step, type Traits } from "./schedule.ts";
import { THICKET_TRAITS } from "./thicket.ts";

function schedule(seed: number, theirs: Traits = THICKET_TRAITS): Step[] {
  return drawSchedule({ seed, steps: 40, ours: THICKET_TRAITS, theirs });
}

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

test("A seed is one schedule, another seed another", () => {
  expect(schedule(7)).toEqual(schedule(7));
  expect(schedule(7)).not.toEqual(schedule(8));
});

test("Every kind of step is drawn, by both sides, and every kind of commit", () => {
  const kinds = new Set<string>();
  for (const step of SEEDS.flatMap((seed) => schedule(seed))) {
    const who = "by" in step ? step.by : "to" in step ? step.to : step.who;
    kinds.add(`${sideOf(who)} ${step.act}`);
    if (step.act === "commit") for (const kind of kindsOf(step)) kinds.add(kind);
    if (step.act === "propose") kinds.add(`propose ${step.change.kind}`);
    if (step.act === "deliver" && step.refused) kinds.add("too late");
  }
  for (const side of ["ours", "theirs"]) {
    for (const act of ["found", "propose", "commit", "send", "deliver", "replay", "tamper", "restart"]) {
      expect(kinds).toContain(`${side} ${act}`);
    }
  }
  for (const kind of [
    "adds",
    "removes",
    "mixed",
    "path alone",
    "comes back at once",
    "race",
    "damage",
    "some",
  ]) {
    expect(kinds).toContain(kind);
  }
  for (const kind of ["add", "remove", "update"]) expect(kinds).toContain(`propose ${kind}`);
  expect(kinds).toContain("too late");
});

function kindsOf({ changes, race, damage, take, ...framing }: CommitStep): string[] {
  const kinds: string[] = [];
  const of = (wanted: string) => changes.filter(({ kind }) => kind === wanted).map(({ who }) => who);
  const [adds, removes] = [of("add"), of("remove")];
  if (adds.length > 1) kinds.push("adds");
  if (removes.length > 1) kinds.push("removes");
  if (adds.length > 0 && removes.length > 0) kinds.push("mixed");
  if (adds.some((who) => removes.includes(who))) kinds.push("comes back at once");
  if (changes.length === 0) kinds.push("path alone");
  if (framing.public) kinds.push("public");
  if (framing.pathless && adds.length > 0 && removes.length === 0) kinds.push("pathless");
  if (race) kinds.push("race");
  if (damage) kinds.push("damage");
  if (take !== "all" && take.length > 0) kinds.push("some");
  return kinds;
}

test("Groups grow, shrink and grow again", () => {
  const refilled = SEEDS.filter((seed) => {
    const sizes = schedule(seed).flatMap((step) => (step.act === "commit" ? [step.members.length] : []));
    const emptied = sizes.findIndex(
      (size, i) => size <= 2 && sizes.slice(0, i).some((before) => before >= 6),
    );
    return emptied !== -1 && sizes.slice(emptied).some((after) => after >= 5);
  });
  expect(refilled.length).toBeGreaterThan(3);
});

test("An engine is asked only for what it can do", () => {
  for (const step of SEEDS.flatMap((seed) => schedule(seed, OPENMLS_TRAITS))) {
    if (step.act === "propose") expect(sideOf(step.by)).toBe("ours");
    if (step.act !== "commit" || sideOf(step.by) === "ours") continue;
    expect(step.changes.map(({ kind }) => kind)).toEqual(["add"]);
    expect(step.take).toBe("all");
  }
});
