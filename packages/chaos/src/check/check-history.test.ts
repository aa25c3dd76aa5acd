import { expect, test } from "vitest";
import type { Commit, Operation } from "../history.ts";
import {
  acknowledged,
  answered,
  append,
  change,
  everywhere,
  forget,
  isLost,
  last,
  noChange,
  openings,
  pageOf,
  publishing,
  refused,
  stray,
  swap,
  viewOf,
  welcomed,
  writeAt,
} from "./change-draft.fixture.ts";
import { checkHistory } from "./check-history.ts";
import { goOn } from "./doors.fixture.ts";
import { FAULTS_AT_DOORS } from "./faults-at-doors.fixture.ts";
import { claim, type Draft, honestHistory, toHistory, writeOf } from "./honest-history.fixture.ts";
import type { Rule } from "./violation.ts";

test("a history in which every promise was kept has no violation", () => {
  expect(checkHistory(toHistory(honestHistory()))).toEqual([]);
});

test("a seat goes on under another name, links come and go, and outsiders knock: none of it is a violation", () => {
  const draft = honestHistory();
  goOn(draft);
  expect(checkHistory(toHistory(draft))).toEqual([]);
});

test("pools of key packages outlast a round: what was published before may be claimed, and once only", () => {
  const draft = honestHistory();
  const ofPools = ({ op }: Operation) => op === "publish" || op === "claim";
  const earlierPools = draft.operations.filter(ofPools);
  draft.operations = draft.operations.filter((operation) => !ofPools(operation));
  expect(checkHistory({ ...toHistory(draft), earlierPools })).toEqual([]);
  draft.operations.push(claim(last(draft), "p1"));
  const rules = checkHistory({ ...toHistory(draft), earlierPools }).map(({ rule }) => rule);
  expect(rules).toContain("key-package-once");
});

/** One fault each, and the rule that must name it. */
const FAULTS: readonly [string, Rule, (draft: Draft) => void][] = [
  ["an acknowledged entry that is gone", "acknowledged-present", (draft) => forget(draft, 9)],
  [
    "an acknowledgement for bytes that aren't in the log",
    "acknowledged-present",
    (draft) => change(draft, writeAt(draft, 8), { digest: "other bytes" }),
  ],
  [
    "an entry that is another to another reader",
    "entry-unchanged",
    (draft) => swap(viewOf(draft, "cat"), 8, { digest: "other bytes" }),
  ],
  [
    "an entry that was read once and is there no more",
    "entry-unchanged",
    (draft) => {
      for (const view of draft.finalViews) view.entries = view.entries.filter(({ seq }) => seq !== 8);
    },
  ],
  ["an entry that nobody sent", "entry-invented", (draft) => append(draft, { digest: "of nobody" })],
  [
    "a commit whose clear fields aren't those that were sent",
    "entry-invented",
    (draft) => change(draft, writeAt(draft, 5), { nextTokenHash: "another" }),
  ],
  ["an entry that is in the log twice", "entry-once", (draft) => append(draft, { digest: "bytes 8" })],
  [
    "two entries under one entry id",
    "entry-once",
    (draft) => {
      const entry = append(draft, { digest: "again" });
      draft.operations.push({
        ...writeOf(entry, "ann", last(draft), answered(entry)),
        entryId: "id of bytes 8",
      });
    },
  ],
  [
    "a hole in the numbers",
    "no-holes",
    (draft) => {
      forget(draft, 8);
      draft.operations = draft.operations.filter((operation) => operation !== writeAt(draft, 8));
    },
  ],
  [
    "an entry asked for after a later one was acknowledged",
    "one-order",
    (draft) => {
      change(draft, writeAt(draft, 8), { invoked: 1000, completed: 1001 });
    },
  ],
  ["a time that goes back", "time-forward", (draft) => everywhere(draft, 8, { receivedAt: 5 })],
  [
    "an entry that was refused and is in the log",
    "refused-absent",
    (draft) => change(draft, writeAt(draft, 8), { outcome: refused("RATE_LIMITED") }),
  ],
  [
    "a resend that is refused for an epoch that ended after its entry came",
    "refused-absent",
    (draft) => {
      change(draft, writeAt(draft, 6), { outcome: { kind: "unknown" } });
      const again = { ...writeAt(draft, 6), ...last(draft), outcome: refused("EPOCH_STALE", 7) };
      draft.operations.push(again as Operation);
    },
  ],
  [
    "a resend of what was taken that is refused",
    "resend-same",
    (draft) => {
      const again = { ...writeAt(draft, 6), ...last(draft), outcome: refused("ENTRY_CONFLICT") };
      draft.operations.push(again as Operation);
    },
  ],
  [
    "an honest author who is refused as a stranger",
    "refusal-justified",
    (draft) => change(draft, stray(draft, "ann", 7), { outcome: refused("SEAT_REFUSED") }),
  ],
  [
    "an epoch said to be over that isn't",
    "refusal-justified",
    (draft) => change(draft, stray(draft, "ann", 7), { outcome: refused("EPOCH_STALE") }),
  ],
  [
    "a winner that didn't win",
    "refusal-justified",
    (draft) => change(draft, draft.operations.find(isLost), { outcome: refused("EPOCH_STALE", 5) }),
  ],
  [
    "a forgery that is taken",
    "forgery-refused",
    (draft) => change(draft, writeAt(draft, 9), { intent: "forged" }),
  ],
  [
    "a resend with another answer",
    "resend-same",
    (draft) => {
      const resend = draft.operations.findLast(({ op }) => op === "append");
      change(draft, resend, { outcome: { kind: "ok", reply: { seq: 2, receivedAt: 1002 } } });
    },
  ],
  ["an entry of an epoch that never began", "place-known", (draft) => everywhere(draft, 9, { epoch: 4 })],
  [
    "two commits on one epoch",
    "one-commit",
    (draft) => {
      const entry = append(draft, { kind: "commit", epoch: 2, branch: 5, commit: noChange("second") });
      draft.operations.push(writeOf(entry, "ann", last(draft), answered(entry)));
    },
  ],
  [
    "a candidate that supersedes another one than the last",
    "candidates-in-order",
    (draft) => {
      const entry = append(draft, { kind: "commit", epoch: 2, branch: 5, commit: noChange("second") });
      const write = writeOf(entry, "ann", last(draft), answered(entry)) as Commit;
      draft.operations.push({ ...write, supersedes: 5 });
    },
  ],
  [
    "a removed seat that writes on",
    "seats-by-branch",
    (draft) => change(draft, writeAt(draft, 8), { seatId: "ben" }),
  ],
  [
    "a commit that removes a seat that its branch hasn't",
    "seats-by-branch",
    (draft) => {
      everywhere(draft, 7, { commit: { ...noChange("token 7"), seatsRemoved: ["dan"] } });
      change(draft, writeAt(draft, 7), { seatsRemoved: ["dan"] });
    },
  ],
  [
    "a late entry after a seat was removed",
    "tip-or-late",
    (draft) => {
      const entry = append(draft, { epoch: 2, branch: 5 });
      draft.operations.push(writeOf(entry, "ann", last(draft), answered(entry)));
    },
  ],
  [
    "a late proposal",
    "tip-or-late",
    (draft) => {
      everywhere(draft, 6, { kind: "proposal" });
      change(draft, writeAt(draft, 6), { kind: "proposal" });
    },
  ],
  [
    "a reader of what was written before its time",
    "view-own-epochs",
    (draft) => viewOf(draft, "cat").unshift(...draft.entries.slice(5, 6)),
  ],
  [
    "a listener who hears on after its removal",
    "view-own-epochs",
    (draft) => draft.listenings[1]?.entries.push(...draft.entries.slice(8)),
  ],
  [
    "a purge before somebody has read",
    "kept-until-acknowledged",
    (draft) => {
      for (const view of draft.finalViews) {
        view.lowestSeq = 5;
        view.entries = view.entries.filter(({ seq }) => seq >= 5);
      }
    },
  ],
  ["a view that lacks an entry", "view-complete", (draft) => void viewOf(draft, "cat").shift()],
  ["a view in another order", "view-complete", (draft) => void viewOf(draft, "ann").reverse()],
  ["a page that lacks an entry", "view-complete", (draft) => void pageOf(draft).shift()],
  [
    "a page without what was acknowledged before",
    "read-fresh",
    (draft) => {
      change(
        draft,
        draft.operations.find(({ op }) => op === "read"),
        {
          outcome: { kind: "ok", reply: { entries: draft.entries.slice(7, 8), headSeq: 8, lowestSeq: 1 } },
        },
      );
    },
  ],
  ["a listener who missed an entry", "stream-complete", (draft) => void draft.listenings[2]?.entries.pop()],
  [
    "delivered to all, and then not",
    "acked-forward",
    (draft) => {
      const acks = draft.operations.filter(({ op }) => op === "ack");
      change(draft, acks[0], { outcome: { kind: "ok", reply: { ackedSeq: 9 } } });
      change(draft, acks[1], { outcome: { kind: "ok", reply: { ackedSeq: 8 } } });
    },
  ],
  [
    "a key package for two",
    "key-package-once",
    (draft) => void draft.operations.push(claim(last(draft), "p1")),
  ],
  [
    "a key package that its owner never published",
    "key-package-known",
    (draft) => void draft.operations.push(claim(last(draft), "forged")),
  ],
  [
    "a key package that is lost",
    "key-package-count",
    (draft) => void (draft.finalCounts = [{ device: 1, count: 0 }]),
  ],
  [
    "a key package too many",
    "key-package-count",
    (draft) => void (draft.finalCounts = [{ device: 1, count: 2 }]),
  ],
  [
    "a Welcome that never came",
    "welcome-delivered",
    (draft) =>
      void (draft.operations = draft.operations.filter(
        ({ op, device }) => op !== "welcomes" || device !== 2,
      )),
  ],
  [
    "a Welcome from the loser of a race",
    "welcome-from-loser",
    (draft) => void draft.operations.push(welcomed(draft, 3, "w3", "welcome of the loser")),
  ],
  [
    "a Welcome for somebody else",
    "welcome-addressed",
    (draft) => void draft.operations.push(welcomed(draft, 3, "w3", "welcome 5")),
  ],
  [
    "a Welcome that comes after it was acknowledged",
    "welcome-erased",
    (draft) => void draft.operations.push(welcomed(draft, 2, "w2", "welcome 5")),
  ],
  [
    "a store that fails where nothing happened to it",
    "never-internal",
    (draft) =>
      change(
        draft,
        draft.operations.find(({ op }) => op === "ack"),
        { outcome: refused("STORE_FAILED") },
      ),
  ],
  [
    "an answer that says INTERNAL",
    "never-internal",
    (draft) =>
      change(
        draft,
        draft.operations.find(({ op }) => op === "ack"),
        { outcome: refused("INTERNAL") },
      ),
  ],
];

test.each(FAULTS_AT_DOORS)("[CHAOS-1] the checker finds %s", (_, rule, plant) => {
  const draft = honestHistory();
  goOn(draft);
  plant(draft);
  expect(checkHistory(toHistory(draft)).map((violation) => violation.rule)).toContain(rule);
});

test.each(FAULTS)("[CHAOS-1] the checker finds %s", (_, rule, plant) => {
  const draft = honestHistory();
  plant(draft);
  expect(checkHistory(toHistory(draft)).map((violation) => violation.rule)).toContain(rule);
});

test("[CHAOS-1] every rule has a fault that shows it works", () => {
  const rules: Record<Rule, true> = {
    "acknowledged-present": true,
    "entry-unchanged": true,
    "entry-invented": true,
    "entry-once": true,
    "no-holes": true,
    "one-order": true,
    "time-forward": true,
    "refused-absent": true,
    "refusal-justified": true,
    "forgery-refused": true,
    "resend-same": true,
    "place-known": true,
    "one-commit": true,
    "candidates-in-order": true,
    "seats-by-branch": true,
    "names-of-one": true,
    "tip-or-late": true,
    "kept-until-acknowledged": true,
    "view-own-epochs": true,
    "view-complete": true,
    "read-fresh": true,
    "stream-complete": true,
    "acked-forward": true,
    "key-package-once": true,
    "key-package-known": true,
    "key-package-count": true,
    "welcome-delivered": true,
    "welcome-from-loser": true,
    "welcome-addressed": true,
    "welcome-erased": true,
    "knock-on-tips": true,
    "link-card": true,
    "link-withdrawn": true,
    "link-by-member": true,
    "never-internal": true,
  };
  expect(new Set([...FAULTS, ...FAULTS_AT_DOORS].map(([, rule]) => rule))).toEqual(
    new Set(Object.keys(rules)),
  );
});

test("what may have happened is no violation: an unknown outcome allows both", () => {
  const draft = honestHistory();
  change(draft, writeAt(draft, 8), { outcome: { kind: "unknown" } });
  expect(checkHistory(toHistory(draft))).toEqual([]);
  change(draft, draft.operations.find(isLost), { outcome: { kind: "unknown" } });
  expect(checkHistory(toHistory(draft))).toEqual([]);
});

test("what all have acknowledged may be purged, and what was acknowledged to its author before is no loss", () => {
  const draft = honestHistory();
  for (const view of draft.finalViews) {
    view.lowestSeq = 3;
    view.entries = view.entries.filter(({ seq }) => seq >= 3);
  }
  expect(checkHistory(toHistory(draft))).toEqual([]);
});

test("a superseding commit that names the last candidate is taken, and its branch goes on beside the other", () => {
  const draft = honestHistory();
  const entry = append(draft, { kind: "commit", epoch: 2, branch: 5, commit: noChange("second") });
  // Ben isn't removed on the new branch, so he reads the candidate; so do the others.
  for (const seat of ["ben", "cat"]) viewOf(draft, seat).push(entry);
  for (const listening of draft.listenings.slice(1)) listening.entries.push(entry);
  draft.operations.push({
    ...(writeOf(entry, "ann", last(draft), answered(entry)) as Commit),
    supersedes: 7,
  });
  expect(checkHistory(toHistory(draft))).toEqual([]);
});

test("who reads under one name has read under all, and a name may be forgotten once its own time is purged", () => {
  const draft = honestHistory();
  goOn(draft);
  for (const view of draft.finalViews) {
    view.lowestSeq = 13;
    view.entries = view.entries.filter(({ seq }) => seq >= 13);
  }
  for (const seat of ["ann", "ben", "kit"]) draft.operations.push(acknowledged(draft, seat, 16));
  // On the other branch cat is cat still; where nothing of a name is kept, its view may be gone.
  expect(checkHistory(toHistory(draft))).toEqual([]);
  draft.finalViews = draft.finalViews.map((view) =>
    view.seatId === "ben" ? { ...view, entries: [], forgotten: true } : view,
  );
  expect(checkHistory(toHistory(draft))).toEqual([]);
});

test("a link in flight may show either card, and a withdrawal of which nothing was heard may have been", () => {
  const draft = honestHistory();
  goOn(draft);
  change(draft, publishing(draft), { outcome: { kind: "unknown" }, completed: Infinity });
  change(draft, openings(draft)[0], { outcome: { kind: "ok", reply: { card: "first card" } } });
  const withdrawal = draft.operations.find(({ op }) => op === "withdraw-link");
  change(draft, withdrawal, { outcome: { kind: "unknown" }, completed: Infinity });
  const [, after] = openings(draft);
  for (const outcome of [refused("LINK_UNKNOWN"), { kind: "ok", reply: { card: "card" } } as const]) {
    change(
      draft,
      draft.operations.find(({ id }) => id === after?.id),
      { outcome },
    );
    expect(checkHistory(toHistory(draft))).toEqual([]);
  }
});
