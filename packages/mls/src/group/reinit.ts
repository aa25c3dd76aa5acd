import { MlsError } from "../errors.ts";
import type { ReInit } from "../proposal.ts";
import { MLS10 } from "../version.ts";
import type { GroupState } from "./group-state.ts";

/**
 * The ReInit that the last commit of this group carried: the group is closed, and a new one with these parameters is
 * to follow it (RFC 9420 §11.2). Undefined for a group that runs.
 */
export function pendingReinit(state: GroupState): ReInit | undefined {
  return state.reinit;
}

/** §12.4.2: after a commit with a ReInit the group carries no more messages. Throws GROUP_CLOSED. */
export function refuseClosed(state: GroupState): void {
  if (state.reinit !== undefined) {
    throw new MlsError("GROUP_CLOSED", "the group is closed: it was reinitialized", { section: "§12.4.2" });
  }
}

/** §12.1.5: a group is never reinitialized with an older version of the protocol. */
export function checkReinit(reinit: ReInit): void {
  if (reinit.version < MLS10) {
    throw new MlsError("PROPOSAL_INVALID", "a ReInit to a version before the group's", {
      section: "§12.1.5",
    });
  }
}
