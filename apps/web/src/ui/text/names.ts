import type { AccountView, ConversationView, Person, View } from "@thicket/client/api";

type People = Readonly<Record<string, Person>>;

/** The handle, or a word for somebody whose handle hasn't been learnt. */
export function personName(people: People, userId: string): string {
  return people[userId]?.handle ?? "Somebody";
}

/** The title; for a 1:1 chat the other's handle, for a group without a title the names of the others. */
export function conversationTitle(conversation: ConversationView, people: People, self: string): string {
  if (conversation.kind === "direct") return personName(people, conversation.conversationId);
  if (conversation.title) return conversation.title;
  const others = otherNames(conversation, people, self);
  return others.length === 0 ? "Only you" : joinNames(others, 3);
}

export function otherNames(conversation: ConversationView, people: People, self: string): string[] {
  return conversation.members
    .filter((member) => member.userId !== self)
    .map((member) => personName(people, member.userId))
    .toSorted((a, b) => a.localeCompare(b));
}

/** "alice, bob and 3 others": at most `most` names. */
export function joinNames(names: readonly string[], most: number): string {
  if (names.length <= most) return list.format(names);
  const shown = names.slice(0, most - 1);
  return list.format([...shown, `${names.length - shown.length} others`]);
}

const list = new Intl.ListFormat("en-GB", { style: "long", type: "conjunction" });

/** The signed-up account; screens behind the sign-up have one. */
export function accountOf(view: View): AccountView | undefined {
  return view.account.state === "signedUp" ? view.account.account : undefined;
}
