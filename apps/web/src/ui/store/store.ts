import { create } from "zustand";
import type { ClientConnection } from "../../bridge/connect-client.ts";
import type { ClientError, Command, CommandOf, CommandReply, ConversationId } from "@thicket/client/api";
import {
  beginOlder,
  beginWindow,
  fillOlder,
  fillWindow,
  initialState,
  receiveEvent,
  receiveSnapshot,
  type UiState,
} from "./state.ts";

/** The one store of the screens: what the engine says, folded. Screens read it and send commands; they never write it. */
export const useUi = create<UiState>(() => initialState);

type WithoutStamp<C> = C extends Command ? Omit<C, "commandId" | "at"> : never;
/** A command before its id and time are minted. */
export type Act = WithoutStamp<Command>;

let connection: ClientConnection | undefined;

/** Feeds the store from the engine; `onProblem` hears what belongs to no command. */
export function connectStore(to: ClientConnection, onProblem: (error: ClientError) => void): void {
  connection = to;
  to.subscribe({
    snapshot: (view) => useUi.setState((state) => receiveSnapshot(state, view)),
    event: (event) => {
      useUi.setState((state) => receiveEvent(state, event));
      if (event.type === "problem") onProblem(event.error);
    },
  });
}

/** Mints the act's id and time and sends it. Resolves when it is durable, or with why it was refused. */
export function act(body: Act): Promise<CommandReply> {
  if (!connection) return Promise.resolve({ ok: false, error: { code: "INTERNAL" } });
  return connection.send({ ...body, commandId: randomHex(16), at: Date.now() });
}

export function mintGroupId(): CommandOf<"startConversation">["groupId"] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- minted to the shape here
  return randomHex(32) as CommandOf<"startConversation">["groupId"];
}

const PAGE = 60;

/** Loads the newest page of a conversation unless it is there; a refusal is the answer. */
export async function openWindow(conversationId: ConversationId): Promise<ClientError | undefined> {
  const { windows, view, generation } = useUi.getState();
  if (windows[conversationId]) return undefined;
  useUi.setState((state) => beginWindow(state, conversationId));
  const unread = view.conversations[conversationId]?.unread ?? 0;
  const limit = Math.min(PAGE + unread, 4 * PAGE);
  const reply = await act({ type: "loadTimeline", conversationId, before: undefined, limit });
  // Another view has come meanwhile: its window is loaded anew.
  if (useUi.getState().generation !== generation) return undefined;
  const page = reply.ok ? reply.timeline : undefined;
  useUi.setState((state) => fillWindow(state, conversationId, page?.items ?? [], page?.reachedStart ?? true));
  return reply.ok ? undefined : reply.error;
}

export async function loadOlder(conversationId: ConversationId): Promise<void> {
  const { windows, view, generation } = useUi.getState();
  const open = windows[conversationId];
  if (open?.state !== "ready" || open.reachedStart || open.loadingOlder) return;
  const before = view.timelines[conversationId]?.[0]?.position;
  if (before === undefined) return;
  useUi.setState((state) => beginOlder(state, conversationId));
  const reply = await act({ type: "loadTimeline", conversationId, before, limit: PAGE });
  if (useUi.getState().generation !== generation) return;
  useUi.setState((state) => fillOlder(state, conversationId, reply.ok ? reply.timeline : undefined));
}

function randomHex(bytes: number): string {
  return crypto
    .getRandomValues(new Uint8Array(bytes))
    .reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
}
