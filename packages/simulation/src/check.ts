/** What must hold when the network is whole again and everything has come to rest. */
import type { ConversationView, TimelineItem } from "@thicket/client";

/** What one person has on the screen at the end. */
export interface PersonEnd {
  name: string;
  userId: string;
  deviceId: string;
  conversations: { view: ConversationView; timeline: TimelineItem[] }[];
}

/** A text that the client took from a person: from then on it may not be lost. */
export interface TakenMessage {
  author: string;
  conversationId: string;
  messageId: string;
  text: string;
  /** The author was shown `sent` or `delivered`. */
  sent: boolean;
}

export interface Violation {
  invariant: string;
  detail: string;
}

export function checkAtRest(people: readonly PersonEnd[], taken: readonly TakenMessage[]): Violation[] {
  const violations: Violation[] = [];
  const broken = (invariant: string, detail: string) => violations.push({ invariant, detail });
  for (const person of people) checkPerson(person, broken);
  for (const shared of sharedConversations(people)) {
    checkAgreement(shared, broken);
    checkSequence(shared, broken);
  }
  checkTaken(people, taken, broken);
  return violations;
}

type Report = (invariant: string, detail: string) => void;

/** One conversation as each of its people sees it. */
interface Shared {
  name: string;
  direct: boolean;
  sides: { person: PersonEnd; view: ConversationView; timeline: TimelineItem[] }[];
}

/** A group has one id for all; a 1:1 chat is named by each after the other. */
function sharedConversations(people: readonly PersonEnd[]): Shared[] {
  const shared = new Map<string, Shared>();
  for (const person of people) {
    for (const { view, timeline } of person.conversations) {
      const direct = view.kind === "direct";
      const name = direct ? [person.userId, view.conversationId].toSorted().join("+") : view.conversationId;
      const entry = shared.get(name) ?? { name: name.slice(0, 8), direct, sides: [] };
      entry.sides.push({ person, view, timeline });
      shared.set(name, entry);
    }
  }
  return [...shared.values()];
}

function isIn({ view }: { view: ConversationView }): boolean {
  return view.membership.state === "member" || view.membership.state === "leaving";
}

/** Nothing hangs, nothing is doubled, nothing is shown as bad: nobody here is hostile. */
function checkPerson(person: PersonEnd, broken: Report): void {
  for (const { view, timeline } of person.conversations) {
    const where = `${person.name} in ${view.conversationId.slice(0, 8)}`;
    const { state } = view.membership;
    if (state === "founding" || state === "joining" || state === "broken" || state === "leaving")
      broken("AT-REST", `${where}: still ${JSON.stringify(view.membership)}`);
    if (isIn({ view }) && view.pending.length > 0)
      broken("AT-REST", `${where}: still pending ${JSON.stringify(view.pending)}`);
    const ids = timeline.map((item) => item.id);
    const texts = timeline.flatMap((item) => textOf(item) ?? []);
    if (new Set(ids).size !== ids.length) broken("ONCE", `${where}: an item is shown twice`);
    if (new Set(texts).size !== texts.length) broken("ONCE", `${where}: a message is shown twice`);
    for (const item of timeline) {
      if (item.kind === "message" && item.body.type !== "text")
        broken("READABLE", `${where}: ${JSON.stringify(item.body)} at ${item.position}`);
      if (item.kind === "event" && item.event.type === "refused")
        broken("READABLE", `${where}: refused ${item.event.reason} at ${item.position}`);
      const delivery = item.kind === "message" ? item.delivery : undefined;
      // What wasn't sent when the own place ended is for its author to send again or to discard.
      const ended =
        delivery?.state === "failed" && delivery.error.code === "NOT_MEMBER" && wasOut(person, timeline);
      if (isIn({ view }) && (delivery?.state === "sending" || (delivery?.state === "failed" && !ended)))
        broken("AT-REST", `${where}: "${textOf(item)}" is still ${JSON.stringify(delivery)}`);
    }
    checkAfterRemoval(where, person.userId, timeline, broken);
  }
}

/** Nothing of what follows the own removal is ever read. */
function checkAfterRemoval(
  where: string,
  self: string,
  timeline: readonly TimelineItem[],
  broken: Report,
): void {
  let out = false;
  for (const item of timeline) {
    if (item.kind === "event" && (item.event.type === "joined" || item.event.type === "created")) out = false;
    else if (endsPlace(item, self)) out = true;
    else if (out && item.kind === "message" && !item.own)
      broken("REMOVED", `${where}: reads "${textOf(item)}" after the removal`);
  }
}

function wasOut(person: PersonEnd, timeline: readonly TimelineItem[]): boolean {
  return timeline.some((item) => endsPlace(item, person.userId));
}

function endsPlace(item: TimelineItem, userId: string): boolean {
  return (
    item.kind === "event" &&
    (item.event.type === "removed" || item.event.type === "left") &&
    item.event.userId === userId
  );
}

/** All who are in have one roster, epoch and policy, and the roster is who is in. */
function checkAgreement(shared: Shared, broken: Report): void {
  const inside = shared.sides.filter(isIn);
  const first = inside[0];
  if (!first) return;
  const expected = agreed(first.view);
  for (const side of inside.slice(1)) {
    const found = agreed(side.view);
    if (found !== expected)
      broken(
        "AGREE",
        `${shared.name}: ${first.person.name} has ${expected}, ${side.person.name} has ${found}`,
      );
  }
  const listed = new Set<string>(first.view.members.map((member) => member.userId));
  const present = new Set(inside.map((side) => side.person.userId));
  if (listed.size === present.size && [...listed].every((userId) => present.has(userId))) return;
  const states = shared.sides.map(
    ({ person, view }) => `${person.name} ${short(person.userId)} ${view.membership.state}`,
  );
  broken("ROSTER", `${shared.name}: listed ${[...listed].map(short).join(" ")}, but ${states.join(", ")}`);
}

function agreed(view: ConversationView): string {
  const members = view.members
    .map(
      (member) =>
        `${member.userId.slice(0, 6)}/${member.devices.map(short).join(",")}${member.admin ? "*" : ""}`,
    )
    .toSorted();
  return JSON.stringify([view.epoch, view.epochAuthenticator.slice(0, 16), view.title ?? "", members]);
}

/** From the later one's joining on, two who are in see the same lines in the same order, text for text. */
function checkSequence(shared: Shared, broken: Report): void {
  const inside = shared.sides.filter(isIn);
  for (const [index, one] of inside.entries()) {
    for (const other of inside.slice(index + 1)) {
      const from = [joinedAt(shared, one), joinedAt(shared, other)].toSorted().at(-1) ?? "";
      const left = lines(one, from);
      const right = lines(other, from);
      const differs = left.findIndex((line, at) => line !== right[at]);
      if (differs !== -1 || left.length !== right.length) {
        const at = differs === -1 ? left.length : differs;
        broken(
          "SEQUENCE",
          `${shared.name}: line ${at} of ${left.length}/${right.length}: ${one.person.name} ${left[at]}, ${other.person.name} ${right[at]}`,
        );
      }
    }
  }
}

/** Position of the last time of coming in; a 1:1 chat has no past that one of the two can't see. */
function joinedAt(shared: Shared, side: { timeline: TimelineItem[] }): string {
  if (shared.direct) return "";
  return (
    side.timeline.findLast(
      (item) => item.kind === "event" && (item.event.type === "joined" || item.event.type === "created"),
    )?.position ?? ""
  );
}

function lines({ timeline }: { timeline: TimelineItem[] }, from: string): string[] {
  return timeline.flatMap((item) => {
    if (item.position <= from || isFailed(item)) return [];
    if (item.kind === "message") return [`${item.position} ${short(item.author)}: ${textOf(item)}`];
    if (item.event.type === "joined" || item.event.type === "created") return [];
    return [`${item.position} ${short(item.author)} ${JSON.stringify(item.event)}`];
  });
}

/** Never sent: it has no place in the order that all share. */
function isFailed(item: TimelineItem): boolean {
  return item.kind === "message" && item.delivery?.state === "failed";
}

/** What the client took is still there for its author, and what it called sent is there for all who were in. */
function checkTaken(people: readonly PersonEnd[], taken: readonly TakenMessage[], broken: Report): void {
  for (const message of taken) {
    const author = people.find((person) => person.name === message.author);
    const own = author?.conversations.find(({ view }) => view.conversationId === message.conversationId);
    const item = own?.timeline.find((candidate) => textOf(candidate) === message.text);
    if (!author || !own || !item) {
      broken("LOST", `${message.author}: "${message.text}" was taken and is gone`);
      continue;
    }
    if (!message.sent) continue;
    for (const { person, view, timeline } of others(people, author, own.view)) {
      const there = timeline.some((candidate) => textOf(candidate) === message.text);
      if (there || !wasIn(person.userId, view, timeline, item.position)) continue;
      broken("LOST", `${person.name}: lacks "${message.text}" of ${author.name} at ${item.position}`);
    }
  }
}

function others(people: readonly PersonEnd[], author: PersonEnd, view: ConversationView) {
  return people
    .filter((person) => person !== author)
    .flatMap((person) =>
      person.conversations
        .filter((side) =>
          view.kind === "direct"
            ? person.userId === view.conversationId && side.view.conversationId === author.userId
            : side.view.conversationId === view.conversationId,
        )
        .map((side) => ({ person, ...side })),
    );
}

/** Whether somebody was a member at a position, by what the own timeline says of coming and going. */
function wasIn(
  userId: string,
  view: ConversationView,
  timeline: readonly TimelineItem[],
  position: string,
): boolean {
  if (view.kind === "direct") return true;
  let inside = false;
  for (const item of timeline) {
    if (item.position >= position) break;
    if (item.kind !== "event") continue;
    if (item.event.type === "joined" || item.event.type === "created") inside = true;
    else if (endsPlace(item, userId)) inside = false;
  }
  return inside;
}

function textOf(item: TimelineItem): string | undefined {
  return item.kind === "message" && item.body.type === "text" ? item.body.text : undefined;
}

function short(id: string): string {
  return id.slice(0, 6);
}
