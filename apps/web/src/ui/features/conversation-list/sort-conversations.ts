import type { ConversationView } from "@thicket/client/api";

/** Newest first; what has no item yet was just begun and stands at the top. Equal times keep one order. */
export function sortConversations(conversations: readonly ConversationView[]): ConversationView[] {
  const at = (conversation: ConversationView) => conversation.lastItem?.at ?? Number.POSITIVE_INFINITY;
  return conversations.toSorted((a, b) => {
    const [x, y] = [at(a), at(b)];
    if (x !== y) return x > y ? -1 : 1;
    return a.conversationId < b.conversationId ? -1 : 1;
  });
}
