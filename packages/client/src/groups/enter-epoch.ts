import { type GroupState, retireEpoch } from "@thicket/mls";
import { type LoadedGroup, PAST_EPOCHS } from "../state.ts";
import { epochFields } from "./epoch-fields.ts";

/** The group in the epoch that the commit at `seq` began. What belonged to the old epoch only is gone. */
export function enterEpoch(group: LoadedGroup, next: GroupState, seq: number): LoadedGroup {
  const { row, engine } = group;
  const retired = { epoch: row.epoch, past: retireEpoch(engine.state, next) };
  return {
    ...group,
    row: {
      ...row,
      ...epochFields(next, row.roster, seq),
      branch: seq,
      ended: [{ epoch: row.epoch, endedBy: seq }, ...row.ended].slice(0, PAST_EPOCHS),
    },
    staged: undefined,
    // A proposal ends with its epoch; whoever still wants it makes it anew.
    outbox: group.outbox.filter(({ kind }) => kind !== "proposal"),
    engine: {
      ...engine,
      state: next,
      past: [retired, ...engine.past].slice(0, PAST_EPOCHS),
      next: undefined,
    },
  };
}
