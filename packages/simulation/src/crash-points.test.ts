import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseGroupId } from "./schedule.ts";
import { openStage, type Stage } from "./scenarios/stage.ts";
import type { Snapshot } from "./world.ts";

const NAMES = ["alice", "bob", "carol"];

interface Verb {
  name: string;
  /** Who is killed. */
  victim: string;
  from: () => Snapshot;
  /** Sets it going; the victim may die at any place from here on. */
  begin(stage: Stage): Promise<void>;
  /** What must have come about in the end. */
  check(stage: Stage): Promise<void>;
}

let newcomers: Snapshot;
let friends: Snapshot;

/** Everybody runs, but for the newcomers' sign-up nothing has happened yet. */
beforeAll(async () => {
  const before = await openStage("crash points", NAMES);
  await before.signUp(before.person("bob"), before.person("carol"));
  newcomers = await before.world.freeze();

  const stage = await openStage("crash points", NAMES);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  await stage.signUp(alice, bob, carol);
  group = await stage.startGroup(alice, "group", [bob]);
  friends = await stage.world.freeze();
});
let group = "";

afterAll(() => {
  for (const { directory } of [newcomers, friends]) rmSync(directory, { recursive: true, force: true });
});

const verbs: Verb[] = [
  {
    name: "sign up",
    victim: "alice",
    from: () => newcomers,
    begin: (stage) => stage.begin(stage.person("alice"), { type: "signUp", handle: "alice" }),
    async check(stage) {
      expect(stage.userId(stage.person("alice"))).toMatch(/^[0-9a-f]{32}$/);
      await stage.startDirect(stage.person("bob"), stage.person("alice"));
    },
  },
  {
    name: "start a group",
    victim: "alice",
    from: () => friends,
    begin: (stage) =>
      stage.begin(stage.person("alice"), {
        type: "startConversation",
        groupId: parseGroupId("5a".repeat(32)),
        title: "second",
        handles: ["bob", "carol"],
      }),
    async check(stage) {
      for (const name of NAMES)
        expect(stage.view(stage.person(name), "5a".repeat(32)).members).toHaveLength(3);
    },
  },
  {
    name: "invite",
    victim: "alice",
    from: () => friends,
    begin: (stage) =>
      stage.begin(stage.person("alice"), {
        type: "inviteMembers",
        conversationId: group,
        handles: ["carol"],
      }),
    check: async (stage) => expect(stage.view(stage.person("carol"), group).members).toHaveLength(3),
  },
  {
    name: "join",
    victim: "carol",
    from: () => friends,
    begin: (stage) =>
      stage.begin(stage.person("alice"), {
        type: "inviteMembers",
        conversationId: group,
        handles: ["carol"],
      }),
    check: async (stage) => expect(stage.view(stage.person("carol"), group).members).toHaveLength(3),
  },
  {
    name: "send",
    victim: "alice",
    from: () => friends,
    async begin(stage) {
      await stage.beginSaying(stage.person("alice"), group, "one");
      await stage.beginSaying(stage.person("alice"), group, "two");
    },
    check: (stage) => expectSaid(stage, ["alice: one", "alice: two"]),
  },
  {
    name: "receive",
    victim: "bob",
    from: () => friends,
    async begin(stage) {
      await stage.beginSaying(stage.person("alice"), group, "one");
      await stage.beginSaying(stage.person("alice"), group, "two");
    },
    check: (stage) => expectSaid(stage, ["alice: one", "alice: two"]),
  },
  {
    name: "commit, with a message typed meanwhile",
    victim: "alice",
    from: () => friends,
    async begin(stage) {
      const alice = stage.person("alice");
      await stage.begin(alice, { type: "renameConversation", conversationId: group, title: "new name" });
      await stage.beginSaying(alice, group, "renamed");
    },
    async check(stage) {
      expect(stage.view(stage.person("bob"), group).title).toBe("new name");
      await expectSaid(stage, ["alice: renamed"]);
    },
  },
  {
    name: "receive a commit",
    victim: "bob",
    from: () => friends,
    begin: (stage) =>
      stage.begin(stage.person("alice"), {
        type: "renameConversation",
        conversationId: group,
        title: "new name",
      }),
    check: async (stage) => expect(stage.view(stage.person("bob"), group).title).toBe("new name"),
  },
  {
    name: "remove",
    victim: "alice",
    from: () => friends,
    begin: (stage) =>
      stage.begin(stage.person("alice"), {
        type: "removeMember",
        conversationId: group,
        userId: stage.userId(stage.person("bob")),
      }),
    async check(stage) {
      expect(stage.view(stage.person("alice"), group).members).toHaveLength(1);
      expect(stage.view(stage.person("bob"), group).membership.state).toBe("removed");
    },
  },
  {
    name: "be removed",
    victim: "bob",
    from: () => friends,
    begin: (stage) =>
      stage.begin(stage.person("alice"), {
        type: "removeMember",
        conversationId: group,
        userId: stage.userId(stage.person("bob")),
      }),
    check: async (stage) => expect(stage.view(stage.person("bob"), group).membership.state).toBe("removed"),
  },
  {
    name: "leave",
    victim: "bob",
    from: () => friends,
    begin: (stage) => stage.begin(stage.person("bob"), { type: "leaveConversation", conversationId: group }),
    async check(stage) {
      expect(stage.view(stage.person("alice"), group).members).toHaveLength(1);
      expect(stage.view(stage.person("bob"), group).membership.state).toBe("left");
    },
  },
];

async function expectSaid(stage: Stage, expected: string[]): Promise<void> {
  for (const name of ["alice", "bob"]) {
    const lines = await stage.lines(stage.person(name), group);
    expect(lines.filter((line) => !line.startsWith("("))).toEqual(expected);
  }
}

/** Runs the verb with its victim dying at that place, on what is left; gives back how many places it came past. */
async function dieAt(verb: Verb, place: number): Promise<number> {
  const stage = await openStage(verb.name, NAMES, { from: verb.from() });
  const victim = stage.person(verb.victim);
  for (const person of stage.world.people) await stage.world.start(person);
  await stage.rest();
  const life = victim.program?.life;
  if (!life) throw new Error("the victim doesn't run");
  const before = life.passed();
  life.dieAt(place);
  await verb.begin(stage);
  await stage.restWithRestarts();
  const passed = life.passed() - before;
  if (place !== Infinity) expect([passed, victim.runs]).toEqual([place, 2]);
  await stage.end({ keepOpen: true });
  await verb.check(stage);
  await stage.rest();
  await stage.world.close();
  return passed;
}

describe("[CRASH-1] killed at any step, a client reuses no generation, loses nothing and finishes the act", () => {
  for (const verb of verbs) {
    test(verb.name, { timeout: 120_000 }, async () => {
      const places = await dieAt(verb, Infinity);
      expect(places).toBeGreaterThan(1);
      for (let place = 1; place <= places; place++) {
        try {
          await dieAt(verb, place);
        } catch (error) {
          throw new Error(`killed at place ${place} of ${places}`, { cause: error });
        }
      }
    });
  }
});
