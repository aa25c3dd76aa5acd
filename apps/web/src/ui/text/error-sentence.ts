import type { ClientError, ClientErrorCode } from "@thicket/client/api";

/** What happened in words that a person understands, and what to do about it where there is something to do. */
export interface ErrorSentence {
  sentence: string;
  advice?: string;
}

export function errorSentence(error: ClientError): ErrorSentence {
  return SENTENCES[error.code](error.subject);
}

/** Both in one line. */
export function errorText(error: ClientError): string {
  const { sentence, advice } = errorSentence(error);
  return advice ? `${sentence} ${advice}` : sentence;
}

export const SENTENCES: Record<ClientErrorCode, (subject: string | undefined) => ErrorSentence> = {
  HANDLE_UNKNOWN: (handle) => ({
    sentence: handle ? `No one here is called ${handle}.` : "No one here has that handle.",
    advice: "Check the spelling, or ask them for their handle.",
  }),
  HANDLE_TAKEN: (handle) => ({
    sentence: handle ? `${handle} is taken.` : "That handle is taken.",
    advice: "Try another one.",
  }),
  HANDLE_MALFORMED: () => ({
    sentence: "A handle has 3 to 32 letters (a–z), digits, dots, dashes or underscores.",
    advice: "It begins and ends with a letter or digit.",
  }),
  HANDLE_OWN: () => ({
    sentence: "That's your own handle.",
    advice: "You're part of the conversation anyway.",
  }),
  REGISTRATION_CLOSED: () => ({
    sentence: "Nobody can sign up at this server at the moment.",
    advice: "Ask whoever runs it.",
  }),
  INVITE_REFUSED: () => ({
    sentence: "This invite code isn't valid, or was used up.",
    advice: "Check it, or ask for another one.",
  }),
  ALREADY_MEMBER: (handle) => ({
    sentence: handle
      ? `${handle} is already in this conversation.`
      : "They are already in this conversation.",
  }),
  NO_KEY_PACKAGE: (handle) => ({
    sentence: handle
      ? `${handle} can't be added at the moment.`
      : "That person can't be added at the moment.",
    advice: "Their device hasn't left enough keys at the server. It works again once they open Thicket.",
  }),
  KEY_PACKAGE_REFUSED: (handle) => ({
    sentence: handle
      ? `The keys offered for ${handle} are not valid.`
      : "The keys offered for that person are not valid.",
    advice:
      "They were not added. Ask them to open Thicket and try again; if it stays so, distrust the server.",
  }),
  IDENTITY_CHANGED: (handle) => ({
    sentence: handle ? `The identity key of ${handle} has changed.` : "Somebody's identity key has changed.",
    advice: "Nothing is sent to it. Ask them in another way whether they set up Thicket anew.",
  }),
  MESSAGE_EMPTY: () => ({ sentence: "There is nothing to send yet." }),
  MESSAGE_TOO_LARGE: (limit) => ({
    sentence: limit ? `This message is too long: at most ${size(limit)} fit.` : "This message is too long.",
    advice: "Shorten it, or send it in parts.",
  }),
  TITLE_TOO_LONG: (limit) => ({
    sentence: limit ? `This title is too long: at most ${size(limit)} fit.` : "This title is too long.",
    advice: "Choose a shorter one.",
  }),
  NOT_MEMBER: () => ({ sentence: "You're no longer in this conversation." }),
  NOT_ALLOWED: () => ({ sentence: "Only admins of this group may do that.", advice: "Ask one of them." }),
  LAST_ADMIN: () => ({
    sentence: "A group needs at least one admin.",
    advice: "Make somebody else an admin first.",
  }),
  CONVERSATION_UNKNOWN: () => ({ sentence: "This conversation isn't on this device." }),
  OFFLINE: () => ({
    sentence: "There is no connection to the server.",
    advice: "Try again once you're online.",
  }),
  RELAY_REFUSED: () => ({
    sentence: "The server refused this.",
    advice: "Try again; if it stays so, ask whoever runs it.",
  }),
  WIRE_VERSION_UNSUPPORTED: () => ({
    sentence: "This version of Thicket and the server don't understand each other.",
    advice: "Reload the page to get the newest version.",
  }),
  LOGIN_REFUSED: () => ({
    sentence: "The server doesn't accept this device.",
    advice: "Your history stays here. Ask whoever runs the server what happened.",
  }),
  RATE_LIMITED: () => ({ sentence: "That was a lot at once.", advice: "Wait a moment, then try again." }),
  SERVER_FAILED: () => ({
    sentence: "The server made a mistake.",
    advice: "Nothing is lost. Try again in a moment.",
  }),
  EPOCH_LOST: () => ({
    sentence: "Others kept changing this group at the same time.",
    advice: "Try again in a moment.",
  }),
  COMMIT_BAD: (who) => ({
    sentence: who
      ? `A change to this group by ${who} breaks its rules, so this device can't follow the group any more.`
      : "A change to this group breaks its rules, so this device can't follow the group any more.",
    advice: "Your history stays readable. Start a new group to go on.",
  }),
  MESSAGE_BAD: () => ({
    sentence: "A message arrived that can't be trusted or read.",
    advice: "Ask for it to be sent again.",
  }),
  WELCOME_BAD: () => ({
    sentence: "An invitation arrived that isn't valid.",
    advice: "Nothing was joined. Ask to be invited again.",
  }),
  STORE_UNAVAILABLE: (part) => ({
    sentence: part
      ? `Thicket can't use this browser's storage: ${part} is missing.`
      : "Thicket can't use this browser's storage.",
    advice:
      "It keeps your keys and messages there and nowhere else. Leave private browsing, or allow site data for this page, and reload.",
  }),
  STORE_UNREADABLE: () => ({
    sentence: "Something in this browser's storage can't be read.",
    advice: "Nothing was overwritten. Reload the page; if it stays so, this device's copy is damaged.",
  }),
  STORE_QUOTA: () => ({
    sentence: "This device's storage is full.",
    advice: "Nothing was lost, but nothing new can be kept. Free some space, then try again.",
  }),
  STORE_FENCED: () => ({
    sentence: "Another tab of Thicket has taken over.",
    advice: "Reload this tab to go on here.",
  }),
  STORE_NEWER: () => ({
    sentence: "This device's storage was written by a newer version of Thicket.",
    advice: "Reload the page to get that version.",
  }),
  INTERNAL: (part) => ({
    sentence: part ? `Something in Thicket went wrong (${part}).` : "Something in Thicket went wrong.",
    advice: "What you wrote is kept. Reload the page; if it happens again, please report it.",
  }),
};

/** "61440" -> "60 KB"; what isn't a number of bytes is said as it is. */
function size(limit: string): string {
  const bytes = Number(limit);
  if (!Number.isSafeInteger(bytes) || bytes < 0) return limit;
  return bytes >= 1024 ? `${Math.floor(bytes / 1024)} KB` : `${bytes} characters`;
}
