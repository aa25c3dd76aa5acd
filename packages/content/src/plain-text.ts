import { DISPOSITION, type MimiContent, type NestedPart } from "./mimi-content.ts";
import { fromUtf8, toUtf8 } from "./utf8.ts";

export interface TextMessage {
  text: string;
  /** 16 random bytes. */
  salt: Uint8Array;
  senderUri?: string;
  roomUri?: string;
  /** Message id, 32 bytes. */
  inReplyTo?: Uint8Array;
}

/** A message that is one plain text. */
export function textMessage({ text, salt, senderUri, roomUri, inReplyTo }: TextMessage): MimiContent {
  return {
    salt,
    replaces: undefined,
    topicId: new Uint8Array(),
    expires: undefined,
    inReplyTo,
    extensions: { senderUri, roomUri, others: new Map() },
    body: {
      disposition: DISPOSITION.render,
      language: "",
      kind: "single",
      contentType: "text/plain;charset=utf-8",
      content: toUtf8(text),
    },
  };
}

/**
 * The text that a message shows; undefined where it holds anything that a text can't stand for, so that a
 * placeholder is shown rather than half a message. Whether it replaces another message (`replaces`) is not looked at.
 */
export function plainText(content: MimiContent): string | undefined {
  return textOf(content.body);
}

/** What to name in the placeholder: the media type of the first part that isn't text, or "" where there is none. */
export function unreadableType(content: MimiContent): string {
  return firstUnreadable(content.body) ?? "";
}

function textOf(part: NestedPart): string | undefined {
  if (!isRendered(part)) return undefined;
  if (part.kind === "single") return isText(part.contentType) ? fromUtf8(part.content) : undefined;
  if (part.kind !== "multi") return undefined;
  const texts = part.parts.map(textOf);
  if (part.semantics === "chooseOne") return texts.find((text) => text !== undefined);
  return texts.every((text) => text !== undefined) ? texts.join("\n") : undefined;
}

function firstUnreadable(part: NestedPart): string | undefined {
  if (part.kind === "multi") {
    for (const inner of part.parts) {
      const found = firstUnreadable(inner);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (part.kind === "null" || textOf(part) !== undefined) return undefined;
  return part.contentType;
}

// A disposition without a meaning counts as `render` ("General handling"); the known others ask for more than a text.
function isRendered({ disposition }: NestedPart): boolean {
  return (
    disposition === DISPOSITION.unspecified ||
    disposition === DISPOSITION.render ||
    disposition === DISPOSITION.inline ||
    disposition > DISPOSITION.preview
  );
}

// Markdown may be shown as plain text ("MIMI Required and Recommended media types").
function isText(contentType: string): boolean {
  const [type, ...parameters] = contentType.split(";").map((piece) => piece.trim().toLowerCase());
  if (type !== "text/plain" && type !== "text/markdown") return false;
  return parameters.every(
    (parameter) =>
      !parameter.startsWith("charset=") ||
      ["utf-8", "us-ascii"].includes(parameter.slice(8).replaceAll('"', "")),
  );
}
