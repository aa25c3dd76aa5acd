import { equalBytes } from "@thicket/mls";
import type { Step } from "../step.ts";
import type { LeafMember } from "./member-of-leaf.ts";

/**
 * Pins the root key of whoever is seen for the first time. Another root than the pinned one is remembered and said
 * (IDENTITY_CHANGED): it blocks what this client sends to that person, and never decides whether a commit is valid.
 */
export function pinContact(step: Step, { userId, handle, rootKey }: Omit<LeafMember, "deviceId">): void {
  const known = step.contact(userId);
  if (known === undefined) {
    step.setContact({ userId, handle, rootKey });
    return;
  }
  if (!equalBytes(known.rootKey, rootKey)) {
    if (known.changedRootKey !== undefined && equalBytes(known.changedRootKey, rootKey)) return;
    step.setContact({ ...known, changedRootKey: rootKey });
    step.problem({ code: "IDENTITY_CHANGED", subject: known.handle });
  } else if (known.handle !== handle) {
    step.setContact({ ...known, handle });
  }
}
