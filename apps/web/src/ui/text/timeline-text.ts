import type { MessageBody, Person, TimelineEvent, TimelineItem } from "@thicket/client/api";
import { personName } from "./names.ts";

type People = Readonly<Record<string, Person>>;

/** A change in the conversation as one sentence without a full stop. */
export function eventText(
  event: TimelineEvent,
  author: string,
  kind: "direct" | "group",
  people: People,
  self: string,
): string {
  const own = author === self;
  const who = own ? "You" : personName(people, author);
  switch (event.type) {
    case "created":
      return `${who} started the conversation`;
    case "joined":
      if (!own) return `${who} joined`;
      // Between two nobody has written before.
      if (kind === "direct") return "Connected. What you two write is end-to-end encrypted";
      return "You joined. Messages from before aren't visible to you";
    case "added":
      return event.userId === self
        ? `You were added by ${who}`
        : `${who} added ${personName(people, event.userId)}`;
    case "removed":
      return event.userId === self
        ? `You were removed by ${who}`
        : `${who} removed ${personName(people, event.userId)}`;
    case "left":
      return event.userId === self ? "You left" : `${personName(people, event.userId)} left`;
    case "renamed":
      return `${who} named the group “${event.title}”`;
    case "adminChanged": {
      const whom = event.userId === self ? "you" : personName(people, event.userId);
      return event.admin ? `${who} made ${whom} an admin` : `${who} took admin rights from ${whom}`;
    }
    case "refused":
      return `Something from ${own ? "you" : who} was refused: ${event.reason}`;
  }
}

/** What stands for a message that can't be shown. */
export function placeholderText(body: Exclude<MessageBody, { type: "text" }>): string {
  switch (body.type) {
    case "unsupported":
      return `This version of Thicket can't show this kind of content (${body.mediaType}).`;
    case "unreadable":
      return `This message can't be read: ${body.reason}`;
  }
}

/** The last item as one line of the list: who and what. */
export function previewText(
  item: TimelineItem,
  kind: "direct" | "group",
  people: People,
  self: string,
): { author: string | undefined; text: string } {
  if (item.kind === "event")
    return { author: undefined, text: eventText(item.event, item.author, kind, people, self) };
  const author = item.own ? "You" : kind === "group" ? personName(people, item.author) : undefined;
  if (item.body.type === "text") return { author, text: item.body.text.replace(/\s+/g, " ").slice(0, 200) };
  return {
    author,
    text: item.body.type === "unsupported" ? "Content this version can't show" : "Unreadable message",
  };
}

/** Text and the web addresses in it, in order; joined they are the text again. */
export function splitLinks(text: string): { text: string; href?: string }[] {
  const parts: { text: string; href?: string }[] = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'`]+/gi)) {
    const shown = match[0].replace(/[.,;:!?)\]}]+$/, (tail) => keepBalanced(match[0], tail));
    if (!URL.canParse(shown)) continue;
    if (match.index > from) parts.push({ text: text.slice(from, match.index) });
    parts.push({ text: shown, href: shown });
    from = match.index + shown.length;
  }
  if (from < text.length || parts.length === 0) parts.push({ text: text.slice(from) });
  return parts;
}

/** A closing bracket belongs to the address if it opens there: https://en.wikipedia.org/wiki/Thicket_(ecology). */
function keepBalanced(address: string, tail: string): string {
  const open = address.split("(").length - 1;
  const close = address.slice(0, address.length - tail.length).split(")").length - 1;
  return tail.startsWith(")") && open > close ? ")" : "";
}

/** One to three emoji and nothing else: shown large. */
export function isEmojiOnly(text: string): boolean {
  return /^(?:\p{RGI_Emoji}\s*){1,3}$/v.test(text.trim());
}
