import type { ConversationView } from "@thicket/client/api";
import { ArrowLeft, MessageCircleOff, RotateCw, UsersRound } from "lucide-react";
import { useEffect, useRef } from "react";
import { Avatar } from "../../components/avatar.tsx";
import { Button, IconButton } from "../../components/button.tsx";
import { TOUCH, useMedia } from "../../components/use-media.ts";
import { toastError } from "../../components/toasts.tsx";
import { goBack, navigate } from "../../store/navigation.ts";
import { openWindow, useUi } from "../../store/store.ts";
import { errorSentence } from "../../text/error-sentence.ts";
import { accountOf, conversationTitle, joinNames, otherNames } from "../../text/names.ts";
import { Announcer } from "./announcer.tsx";
import { Composer } from "./composer.tsx";
import { MembershipNotice } from "./membership-notice.tsx";
import { Timeline } from "./timeline.tsx";

/** One conversation: who is in it, what was said, and where to write. */
export function Conversation({ conversationId, members }: { conversationId: string; members: boolean }) {
  const conversation = useUi((state) => state.view.conversations[conversationId]);
  if (!conversation) return <Unknown />;
  return <Open key={conversationId} conversation={conversation} members={members} />;
}

function Open({ conversation, members }: { conversation: ConversationView; members: boolean }) {
  const { conversationId, membership } = conversation;
  const people = useUi((state) => state.view.people);
  const self = useUi((state) => accountOf(state.view)?.userId ?? "");
  const items = useUi((state) => state.view.timelines[conversationId]);
  const ready = useUi((state) => state.windows[conversationId]?.state === "ready");
  const opened = useUi((state) => state.windows[conversationId] !== undefined);
  const title = conversationTitle(conversation, people, self);
  const others = otherNames(conversation, people, self);
  const heading = useRef<HTMLHeadingElement>(null);
  const touch = useMedia(TOUCH);
  const writable = membership.state === "member" || membership.state === "founding";

  useEffect(() => {
    if (!opened) void openWindow(conversationId).then((error) => error && toastError(error));
  }, [conversationId, opened]);

  // Where the composer doesn't take the focus (it would raise the keyboard), the title does: one knows where one is.
  useEffect(() => {
    if (touch) heading.current?.focus({ preventScroll: true });
  }, [touch]);

  return (
    <>
      <header className="flex min-h-16 items-center gap-2 border-b border-line px-1 py-2 md:gap-3 md:px-6">
        <IconButton label="Back" className="md:hidden" onClick={() => goBack({ page: "home" })}>
          <ArrowLeft aria-hidden />
        </IconButton>
        <Avatar id={conversationId} name={title} shape={conversation.kind === "group" ? "group" : "person"} />
        <div className="min-w-0 flex-1">
          <h2
            ref={heading}
            tabIndex={-1}
            dir="auto"
            className="truncate text-base/5 font-semibold outline-none"
          >
            {title}
          </h2>
          <p className="truncate text-small text-muted">{subtitle(conversation, others)}</p>
        </div>
        <IconButton
          label="Members"
          aria-pressed={members}
          onClick={() =>
            members
              ? goBack({ page: "conversation", conversationId, members: false })
              : navigate({ page: "conversation", conversationId, members: true })
          }
        >
          <UsersRound aria-hidden />
        </IconButton>
      </header>
      <PendingActs conversation={conversation} />
      {items && (ready || items.length > 0) ? (
        <Timeline conversation={conversation} items={items} />
      ) : (
        <div role="log" aria-label="Messages" aria-busy="true" className="min-h-0 flex-1" />
      )}
      {writable && others.length === 0 && (
        <p className="px-6 pb-2 text-center text-small text-muted">
          Nobody else is in here yet. Who joins later doesn’t see what you write now.
        </p>
      )}
      {writable ? (
        <Composer conversation={conversation} title={title} />
      ) : (
        <MembershipNotice conversation={conversation} />
      )}
      <Announcer items={items} people={people} />
    </>
  );
}

/** Who is in it. */
function subtitle({ kind, membership }: ConversationView, others: readonly string[]): string {
  if (kind === "direct") return "Just the two of you";
  const gone = membership.state === "left" || membership.state === "removed";
  if (others.length === 0) return gone ? "Nobody you know of" : "Only you so far";
  return joinNames(gone ? others : [...others, "you"], 5);
}

const ACTS: Record<ConversationView["pending"][number]["type"], string> = {
  invite: "Adding people…",
  remove: "Removing somebody…",
  rename: "Renaming the group…",
  setAdmin: "Changing who is an admin…",
  leave: "Leaving…",
};

/** What was asked for and isn't done yet; it is tried again until it is, or no longer makes sense. */
function PendingActs({ conversation }: { conversation: ConversationView }) {
  if (conversation.pending.length === 0) return null;
  return (
    <ul
      aria-label="Under way"
      className="border-b border-line bg-side px-4 py-1.5 text-small text-muted md:px-6"
    >
      {conversation.pending.map((pending) => (
        <li key={pending.commandId} className="flex items-center gap-2 py-0.5">
          <RotateCw className="size-3.5 shrink-0 animate-spin [animation-duration:2.4s]" aria-hidden />
          <span>
            {ACTS[pending.type]}
            {pending.error && ` ${errorSentence(pending.error).sentence} It is tried again by itself.`}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Unknown() {
  return (
    <div className="m-auto max-w-80 p-6 text-center">
      <MessageCircleOff className="mx-auto size-10 text-muted" strokeWidth={1.4} aria-hidden />
      <h2 className="mt-4 font-display text-lg font-semibold">This conversation isn’t on this device</h2>
      <p className="mt-1 text-small text-muted">
        If you were just invited, it appears as soon as you are connected.
      </p>
      <Button look="outline" className="mt-5" onClick={() => navigate({ page: "home" }, { replace: true })}>
        To all conversations
      </Button>
    </div>
  );
}
