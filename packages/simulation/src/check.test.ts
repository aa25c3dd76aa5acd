import type { ConversationView, TimelineItem } from "@thicket/client";
import { AccountId, DeviceId, GroupId } from "@thicket/protocol";
import { describe, expect, test } from "vitest";
import { checkAtRest, type PersonEnd, type TakenMessage } from "./check.ts";

const GROUP = idOf(GroupId, "ab".repeat(32));
const USERS = { alice: idOf(AccountId, "a1".repeat(16)), bob: idOf(AccountId, "b0".repeat(16)) };

/** Two people in one group, as they must be at the end. */
function twoAtRest(): { alice: PersonEnd; bob: PersonEnd; taken: TakenMessage[] } {
  const said = (text: string, position: string, own: boolean): TimelineItem => ({
    id: text,
    position,
    at: 0,
    author: USERS.alice,
    kind: "message",
    own,
    body: { type: "text", text },
    ...(own && { delivery: { state: "sent" } }),
  });
  const joined: TimelineItem = {
    id: "joined",
    position: "1",
    at: 0,
    author: USERS.alice,
    kind: "event",
    event: { type: "joined" },
  };
  return {
    alice: end("alice", [said("one", "2", true), said("two", "3", true)]),
    bob: end("bob", [joined, said("one", "2", false), said("two", "3", false)]),
    taken: ["one", "two"].map((text) => ({
      author: "alice",
      conversationId: GROUP,
      messageId: text,
      text,
      sent: true,
    })),
  };
}

function end(name: "alice" | "bob", timeline: TimelineItem[]): PersonEnd {
  const view: ConversationView = {
    conversationId: GROUP,
    kind: "group",
    title: "t",
    membership: { state: "member" },
    members: Object.values(USERS).map((userId) => ({
      userId,
      devices: [idOf(DeviceId, "dd".repeat(16))],
      admin: userId === USERS.alice,
      invited: false,
      leaving: false,
    })),
    may: { add: true, remove: true, rename: true, send: true, setAdmin: true },
    pending: [],
    draft: "",
    unread: 0,
    readUpTo: undefined,
    lastItem: undefined,
    epoch: 3,
    epochAuthenticator: "00",
  };
  return { name, userId: USERS[name], deviceId: "dd".repeat(16), conversations: [{ view, timeline }] };
}

function found(doctor: (world: ReturnType<typeof twoAtRest>) => void): string[] {
  const world = twoAtRest();
  doctor(world);
  return checkAtRest([world.alice, world.bob], world.taken).map(({ invariant }) => invariant);
}

function only(person: PersonEnd): PersonEnd["conversations"][number] {
  const [conversation] = person.conversations;
  if (!conversation) throw new Error("one conversation");
  return conversation;
}

describe("the invariants at rest", () => {
  test("hold for two who agree", () => {
    expect(found(() => {})).toEqual([]);
  });

  test("see another epoch authenticator", () => {
    expect(found(({ bob }) => (only(bob).view.epochAuthenticator = "01"))).toContain("AGREE");
  });

  test("see another epoch, title or admin", () => {
    expect(found(({ bob }) => (only(bob).view.epoch = 4))).toContain("AGREE");
    expect(found(({ bob }) => (only(bob).view.title = "u"))).toContain("AGREE");
    expect(found(({ bob }) => only(bob).view.members.forEach((member) => (member.admin = true)))).toContain(
      "AGREE",
    );
  });

  test("see somebody listed who isn't in", () => {
    expect(found(({ bob }) => (only(bob).view.membership = { state: "removed", by: USERS.alice }))).toContain(
      "ROSTER",
    );
  });

  test("see two messages in another order", () => {
    expect(found(({ bob }) => swap(only(bob).timeline, 1, 2))).toContain("SEQUENCE");
  });

  test("see a message that one of them lacks", () => {
    const lacking = found(({ bob }) => only(bob).timeline.splice(1, 1));
    expect(lacking).toContain("SEQUENCE");
    expect(lacking).toContain("LOST");
  });

  test("see a message that its author lost", () => {
    expect(found(({ alice }) => only(alice).timeline.splice(0, 1))).toContain("LOST");
  });

  test("see a message that is shown twice", () => {
    expect(found(({ bob }) => repeat(only(bob).timeline, 1))).toContain("ONCE");
  });

  test("see a message that hangs", () => {
    expect(
      found(({ alice }) => {
        const item = only(alice).timeline[0];
        if (item?.kind === "message") item.delivery = { state: "sending" };
      }),
    ).toContain("AT-REST");
  });

  test("see a message that can't be read", () => {
    expect(
      found(({ bob }) => {
        const item = only(bob).timeline[1];
        if (item?.kind === "message") item.body = { type: "unreadable", reason: "MESSAGE_BAD" };
      }),
    ).toContain("READABLE");
  });

  test("see an act that hangs and a conversation that is stuck", () => {
    expect(found(({ alice }) => only(alice).view.pending.push({ commandId: "c", type: "invite" }))).toContain(
      "AT-REST",
    );
    expect(found(({ bob }) => (only(bob).view.membership = { state: "joining" }))).toContain("AT-REST");
  });

  test("see a message that was read after the removal", () => {
    expect(
      found(({ bob }) =>
        only(bob).timeline.splice(2, 0, {
          id: "out",
          position: "2x",
          at: 0,
          author: USERS.alice,
          kind: "event",
          event: { type: "removed", userId: USERS.bob },
        }),
      ),
    ).toContain("REMOVED");
  });
});

function swap(items: TimelineItem[], one: number, other: number): void {
  const [first, second] = [items[one], items[other]];
  if (first && second) [items[one], items[other]] = [second, first];
}

function repeat(items: TimelineItem[], index: number): void {
  const item = items[index];
  if (item) items.splice(index, 0, item);
}

function idOf<T>(
  schema: { "~standard": { validate(value: unknown): { value: T; issues?: undefined } | object } },
  text: string,
): T {
  const result = schema["~standard"].validate(text);
  if (!("value" in result)) throw new Error(`not an id: ${text}`);
  return result.value;
}
