import {
  acknowledged,
  allLists,
  change,
  everywhere,
  knockBy,
  last,
  openings,
  publishing,
  refused,
  replaceAt10,
  viewOf,
  without,
  writeAt,
} from "./change-draft.fixture.ts";
import { knockOf, openOf, publishOf } from "./doors.fixture.ts";
import { type Draft, GROUP } from "./honest-history.fixture.ts";
import type { Rule } from "./violation.ts";

/** One fault each, and the rule that must name it, for seats that go on under another name, links and knocks. */
export const FAULTS_AT_DOORS: readonly [string, Rule, (draft: Draft) => void][] = [
  [
    "a commit whose replaced seat isn't the one that was sent",
    "entry-invented",
    (draft) => change(draft, writeAt(draft, 10), { seatReplaced: { from: "cat", to: "tom" } }),
  ],
  [
    "a commit that replaces a seat that its branch hasn't",
    "seats-by-branch",
    (draft) => replaceAt10(draft, { from: "dan", to: "kit" }),
  ],
  [
    "a commit that replaces a seat by one that its branch has",
    "seats-by-branch",
    (draft) => replaceAt10(draft, { from: "cat", to: "ann" }),
  ],
  [
    "a seat that another one replaces",
    "names-of-one",
    (draft) => replaceAt10(draft, { from: "ann", to: "kit" }),
  ],
  [
    "a seat that takes the name of one that was removed",
    "names-of-one",
    (draft) => replaceAt10(draft, { from: "cat", to: "ben" }),
  ],
  [
    "somebody else who writes under the new name",
    "names-of-one",
    (draft) => change(draft, writeAt(draft, 11), { device: 0 }),
  ],
  [
    "somebody else who is attached under the new name",
    "names-of-one",
    (draft) => {
      const seats = [{ groupId: GROUP, seatId: "kit", cursor: 0 }];
      draft.operations.push({
        op: "attach",
        ...last(draft),
        seats,
        outcome: { kind: "ok", reply: { attached: [true] } },
      });
    },
  ],
  [
    "a name that was replaced and writes on in the new epoch",
    "seats-by-branch",
    (draft) => change(draft, writeAt(draft, 11), { seatId: "cat" }),
  ],
  [
    "a view under the old name that lacks what the new one reads",
    "view-complete",
    (draft) => void viewOf(draft, "cat").splice(4, 1),
  ],
  [
    "a view under the new name that lacks what the old one read",
    "view-complete",
    (draft) => void viewOf(draft, "kit").shift(),
  ],
  [
    "a name that is unknown while its time is kept",
    "view-complete",
    (draft) => {
      draft.finalViews = draft.finalViews.map((view) =>
        view.seatId === "kit" ? { ...view, entries: [], forgotten: true } : view,
      );
    },
  ],
  [
    "a listener under the new name who missed an entry",
    "stream-complete",
    (draft) => void draft.listenings[2]?.entries.splice(4, 1),
  ],
  [
    "a purge before the seat has read under any name",
    "kept-until-acknowledged",
    (draft) => {
      for (const view of draft.finalViews) {
        view.lowestSeq = 13;
        view.entries = view.entries.filter(({ seq }) => seq >= 13);
      }
      draft.operations.push(acknowledged(draft, "ann", 16), acknowledged(draft, "ben", 16));
    },
  ],
  [
    "an acknowledged knock that is nowhere",
    "acknowledged-present",
    (draft) => void draft.operations.splice(-2, 0, knockOf(draft, { invoked: 0 })),
  ],
  ["a knock that nobody sent", "entry-invented", (draft) => without(draft, knockBy(draft, "seat"))],
  [
    "a knock that is another to who reads it",
    "entry-invented",
    (draft) => everywhere(draft, 13, { kind: "note" }),
  ],
  [
    "a knock that is missing on a tip",
    "knock-on-tips",
    (draft) => {
      for (const list of allLists(draft)) list.splice(list.findIndex(({ seq }) => seq === 16) >>> 0, 1);
    },
  ],
  ["a knock that is twice on one tip", "knock-on-tips", (draft) => everywhere(draft, 16, { branch: 12 })],
  [
    "a knock on an epoch that is over",
    "tip-or-late",
    (draft) => everywhere(draft, 16, { epoch: 3, branch: 7 }),
  ],
  [
    "a knock that members of a tip aren't shown",
    "view-complete",
    (draft) => void viewOf(draft, "ann").splice(12, 1),
  ],
  [
    "a knock that members of a tip aren't told of",
    "stream-complete",
    (draft) => void draft.listenings[0]?.entries.splice(12, 1),
  ],
  [
    "a knock that was refused and is in the log",
    "refused-absent",
    (draft) => change(draft, knockBy(draft, "link"), { outcome: refused("RATE_LIMITED") }),
  ],
  [
    "a forged knock that is taken",
    "forgery-refused",
    (draft) => change(draft, knockBy(draft, "seat"), { intent: "forged" }),
  ],
  [
    "a knock by a link that never was",
    "forgery-refused",
    (draft) =>
      void draft.operations.push(knockOf(draft, { groupId: undefined, door: "no link", intent: "forged" })),
  ],
  [
    "a removed member who is turned away at the door",
    "refusal-justified",
    (draft) =>
      void draft.operations.push(
        knockOf(draft, { by: "seat", door: "ben", outcome: refused("SEAT_REFUSED") }),
      ),
  ],
  [
    "a knock by a link that was withdrawn",
    "link-withdrawn",
    (draft) => change(draft, knockBy(draft, "link"), last(draft)),
  ],
  [
    "a link that was withdrawn and opens",
    "link-withdrawn",
    (draft) => void draft.operations.push(openOf(draft, "card")),
  ],
  [
    "a link that was withdrawn and is somebody's again",
    "link-withdrawn",
    (draft) => void draft.operations.push(publishOf(draft, {})),
  ],
  [
    "a card that was changed before",
    "link-card",
    (draft) => change(draft, openings(draft)[0], { outcome: { kind: "ok", reply: { card: "first card" } } }),
  ],
  [
    "a card that nobody gave",
    "link-card",
    (draft) => change(draft, openings(draft)[0], { outcome: { kind: "ok", reply: { card: "of nobody" } } }),
  ],
  [
    "a link that is there and said to be unknown",
    "link-card",
    (draft) => change(draft, openings(draft)[0], { outcome: refused("LINK_UNKNOWN") }),
  ],
  [
    "a knock by a link that is there and said to be unknown",
    "link-card",
    (draft) => change(draft, knockBy(draft, "link"), { outcome: refused("LINK_UNKNOWN") }),
  ],
  [
    "a link of one's own that is said to be another group's",
    "refusal-justified",
    (draft) => change(draft, publishing(draft), { outcome: refused("LINK_TAKEN") }),
  ],
  [
    "a member who may not publish a link",
    "refusal-justified",
    (draft) => change(draft, publishing(draft), { outcome: refused("SEAT_REFUSED") }),
  ],
  [
    "a link that another group publishes",
    "forgery-refused",
    (draft) => change(draft, publishing(draft), { intent: "forged" }),
  ],
  [
    "a link that a removed member publishes",
    "link-by-member",
    (draft) => change(draft, publishing(draft), { seatId: "ben" }),
  ],
  [
    "a link that somebody publishes in an epoch that was over",
    "link-by-member",
    (draft) => change(draft, publishing(draft), { epoch: 2, branch: 5 }),
  ],
];
