import type { GroupId } from "@thicket/protocol";
import type { Position } from "../api.ts";
import type { CommitLine } from "../groups/judge-commit.ts";
import type { Step } from "../step.ts";
import type { GroupRow } from "../tables.ts";
import { directPosition, groupPosition } from "./position.ts";

/** Where in a log something stands. */
export interface LogPlace {
  seq: number;
  /** The relay's time (ms). */
  receivedAt: number;
  /** What is shown instead of it. */
  at?: number;
}

export function positionIn(row: Pick<GroupRow, "kind" | "groupId">, place: LogPlace, line = 0): Position {
  return row.kind === "direct"
    ? directPosition(place.receivedAt, row.groupId, place.seq, line)
    : groupPosition(place.seq, line);
}

/** Adds the lines that one entry of the log makes, in their order. `first` is the number of the first. */
export async function showEvents(
  step: Step,
  row: GroupRow,
  place: LogPlace,
  lines: readonly CommitLine[],
  first = 0,
): Promise<void> {
  for (const [index, { author, event }] of lines.entries()) {
    const line = first + index;
    await step.putItem(row.conversationId, {
      id: eventId(row.groupId, place.seq, line),
      position: positionIn(row, place, line),
      at: place.at ?? place.receivedAt,
      author,
      groupId: row.groupId,
      seq: place.seq,
      content: { kind: "event", event },
    });
  }
}

/** The same at all members, since the log is. */
function eventId(groupId: GroupId, seq: number, line: number): string {
  return `${groupId.slice(0, 32)}.${seq}.${line}`;
}
