import { type Branch, type Epoch, type Entry, GroupId, SeatId, type Seq } from "@thicket/protocol";
import { describe, expect, it } from "vitest";
import type { Audience } from "./groups/audience.ts";
import { mergeAppended } from "./merge-appended.ts";
import type { Effect } from "./outcome.ts";
import { parse } from "./testing/parse.ts";

const groupId = (digit: string) => parse(GroupId, digit.repeat(64));
const seatId = parse(SeatId, "5".repeat(32));
const [A, B] = [groupId("a"), groupId("b")];

function appended(
  group: GroupId,
  seq: number,
  { size = 10, ...audience }: { size?: number } & Partial<Audience> = {},
): Effect {
  const entry: Entry = {
    seq: seq as Seq,
    epoch: 0 as Epoch,
    branch: 0 as Branch,
    kind: "application",
    receivedAt: 1,
    bytes: new Uint8Array(size),
  };
  const everybody: Audience = { hiddenFrom: [], alsoTo: [], unseated: [], seated: [] };
  return { kind: "appended", groupId: group, entries: [entry], ...everybody, ...audience };
}

/** Effects as the group and seqs of what was appended, or their kind. */
const shown = (effects: readonly Effect[]) =>
  effects.map((effect) =>
    effect.kind === "appended"
      ? `${effect.groupId[0]} ${effect.entries.map(({ seq }) => seq).join(",")}`
      : effect.kind,
  );

describe("what a batch has appended", () => {
  it("is told group by group, entries in order", () => {
    const effects = [appended(A, 1), appended(B, 1), appended(A, 2), appended(B, 2), appended(A, 3)];
    expect(shown(mergeAppended(effects))).toEqual(["a 1,2,3", "b 1,2"]);
  });

  it("passes acknowledgements, and nothing that changes who listens", () => {
    const acked: Effect = { kind: "acked", groupId: A, seq: 1 as Seq };
    const unseated: Effect = { kind: "unseated", groupId: A, seatIds: [seatId] };
    const effects = [appended(A, 1), acked, appended(A, 2), unseated, appended(A, 3)];
    expect(shown(mergeAppended(effects))).toEqual(["a 1,2", "acked", "unseated", "a 3"]);
  });

  it("keeps apart what some may not read, what changes who listens, and what comes after it", () => {
    const effects = [
      appended(A, 1),
      appended(A, 2, { hiddenFrom: [seatId] }),
      appended(A, 3),
      appended(A, 4),
      appended(A, 5, { alsoTo: [seatId] }),
      appended(A, 6),
      appended(A, 7, { unseated: [seatId] }),
      appended(A, 8),
      appended(A, 9, { seated: [seatId] }),
      appended(A, 10),
    ];
    const told = ["a 1", "a 2", "a 3,4", "a 5", "a 6", "a 7", "a 8", "a 9", "a 10"];
    expect(shown(mergeAppended(effects))).toEqual(told);
  });

  it("is told in several where it is large", () => {
    const large = { size: 100 * 1024 };
    const effects = [1, 2, 3, 4].map((seq) => appended(A, seq, large));
    expect(shown(mergeAppended(effects))).toEqual(["a 1,2", "a 3,4"]);
  });
});
