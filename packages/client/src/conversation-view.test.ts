import { describe, expect, test } from "vitest";
import { activeGroup } from "./conversation-view.ts";
import { parseGroupId } from "./identity/parse-ids.ts";
import type { Group } from "./state.ts";
import type { GroupRow } from "./tables.ts";
import { openScene } from "./testing/scene.ts";

type State = "founding" | "joining" | "member" | "leaving" | "left";

const scene = await openScene();
const model = await scene.run(async (step) => step.group(scene.groupId)!);
const lower = parseGroupId("11".repeat(32));
const higher = parseGroupId("22".repeat(32));

/** Which of two groups of a 1:1 chat it goes on in, and what both together say about writing. */
function goesOnIn(states: { lower: State; higher: State }, alone?: "lower"): string | undefined {
  const group = (groupId: GroupRow["groupId"], state: State, isAlone: boolean): Group => {
    const roster = isAlone ? model.row.roster.slice(0, 1) : model.row.roster.slice(0, 2);
    return { ...model, row: { ...model.row, groupId, kind: "direct", membership: { state }, roster } };
  };
  const groups = new Map([
    [lower, group(lower, states.lower, alone === "lower")],
    [higher, group(higher, states.higher, false)],
  ]);
  const conversation = {
    conversationId: model.row.conversationId,
    kind: "direct" as const,
    groupIds: [higher, lower],
    draft: "",
    unread: 0,
    readUpTo: undefined,
    lastItem: undefined,
  };
  const found = activeGroup({ groups }, conversation)?.row.groupId;
  return found === lower ? "lower" : found === higher ? "higher" : found;
}

describe("a 1:1 chat that both founded at once", () => {
  test("goes on in the group with the lower id where one is in both", () => {
    expect(goesOnIn({ lower: "member", higher: "member" })).toBe("lower");
    expect(goesOnIn({ lower: "member", higher: "founding" })).toBe("lower");
    expect(goesOnIn({ lower: "founding", higher: "member" })).toBe("lower");
  });

  test("[CHAT-1] goes on in the other while this device is only being let in: who writes isn't made to wait", () => {
    expect(goesOnIn({ lower: "joining", higher: "member" })).toBe("higher");
    expect(goesOnIn({ lower: "joining", higher: "founding" })).toBe("higher");
    expect(goesOnIn({ lower: "leaving", higher: "member" })).toBe("higher");
  });

  test("is the one being joined where there is no other to write to", () => {
    expect(goesOnIn({ lower: "joining", higher: "left" })).toBe("lower");
    expect(goesOnIn({ lower: "member", higher: "joining" }, "lower")).toBe("higher");
  });
});
