import type { Operation } from "../history.ts";

/** What a history must hold, by name; docs/chaos.md says each in a sentence. */
export type Rule =
  | "acknowledged-present"
  | "entry-unchanged"
  | "entry-invented"
  | "entry-once"
  | "no-holes"
  | "one-order"
  | "time-forward"
  | "refused-absent"
  | "refusal-justified"
  | "forgery-refused"
  | "resend-same"
  | "place-known"
  | "one-commit"
  | "candidates-in-order"
  | "seats-by-branch"
  | "names-of-one"
  | "tip-or-late"
  | "kept-until-acknowledged"
  | "view-own-epochs"
  | "view-complete"
  | "read-fresh"
  | "stream-complete"
  | "acked-forward"
  | "key-package-once"
  | "key-package-known"
  | "key-package-count"
  | "welcome-delivered"
  | "welcome-from-loser"
  | "welcome-addressed"
  | "welcome-erased"
  | "knock-on-tips"
  | "link-card"
  | "link-withdrawn"
  | "link-by-member"
  | "never-internal";

export interface Violation {
  rule: Rule;
  detail: string;
  /** Those that show it, oldest first; a few, not all that have to do with it. */
  operations: readonly Operation[];
}

export type Report = (rule: Rule, detail: string, ...operations: (Operation | undefined)[]) => void;
