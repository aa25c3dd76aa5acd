import type { ConversationView, Person } from "@thicket/client/api";
import { MessageCirclePlus, Search, Settings, SquarePen } from "lucide-react";
import { type KeyboardEvent, memo, type MouseEvent, useId, useMemo } from "react";
import { Avatar } from "../../components/avatar.tsx";
import { Button, IconButton } from "../../components/button.tsx";
import { Mark } from "../../components/mark.tsx";
import { useNow } from "../../components/use-now.ts";
import { formatRoute } from "../../routes.ts";
import { navigate, openOverlay, useRoute } from "../../store/navigation.ts";
import { useUi } from "../../store/store.ts";
import { formatListTime } from "../../text/dates.ts";
import { accountOf, conversationTitle } from "../../text/names.ts";
import { previewText } from "../../text/timeline-text.ts";
import { sortConversations } from "./sort-conversations.ts";

/** All conversations, the newest first. */
export function ConversationList() {
  const conversations = useUi((state) => state.view.conversations);
  const people = useUi((state) => state.view.people);
  const caughtUp = useUi((state) => state.view.caughtUp);
  const self = useUi((state) => accountOf(state.view)?.userId ?? "");
  const route = useRoute();
  const now = useNow();
  const sorted = useMemo(() => sortConversations(Object.values(conversations)), [conversations]);
  const open = route.page === "conversation" ? route.conversationId : undefined;

  return (
    <>
      <header className="flex items-center gap-1 px-3 pt-3 pb-2 md:px-4">
        <Mark className="size-8" />
        <h1 className="ml-1.5 flex-1 font-display text-xl font-semibold tracking-tight">Thicket</h1>
        <IconButton label="Search conversations" onClick={() => openOverlay("find")}>
          <Search aria-hidden />
        </IconButton>
        <IconButton
          label="Settings"
          aria-pressed={route.page === "settings"}
          onClick={() => navigate({ page: "settings" })}
        >
          <Settings aria-hidden />
        </IconButton>
        <IconButton label="New conversation" onClick={() => openOverlay("new")}>
          <SquarePen aria-hidden />
        </IconButton>
      </header>
      {sorted.length === 0 ? (
        <Empty caughtUp={caughtUp} />
      ) : (
        <ul
          aria-label="Conversations"
          className="min-h-0 flex-1 overflow-y-auto px-2 pb-[calc(0.75rem+env(safe-area-inset-bottom))]"
        >
          {sorted.map((conversation) => (
            <Entry
              key={conversation.conversationId}
              conversation={conversation}
              people={people}
              self={self}
              now={now}
              current={conversation.conversationId === open}
            />
          ))}
        </ul>
      )}
    </>
  );
}

const Entry = memo(function Entry(props: {
  conversation: ConversationView;
  people: Record<string, Person>;
  self: string;
  now: number;
  current: boolean;
}) {
  const { conversation, people, self, current } = props;
  const { conversationId, unread, lastItem } = conversation;
  const id = useId();
  const title = conversationTitle(conversation, people, self);
  const to = { page: "conversation", conversationId, members: false } as const;
  const go = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(to);
  };
  // The link is the title, stretched over the whole row; what else there is to say describes it.
  return (
    <li className="relative flex items-center gap-3 rounded-2xl px-2.5 py-2.5 transition-colors hover:bg-sunken has-aria-[current=page]:bg-leaf-soft">
      <Avatar
        id={conversationId}
        name={title}
        size="large"
        shape={conversation.kind === "group" ? "group" : "person"}
      />
      <div className="min-w-0 flex-1">
        <div className="flex items-baseline gap-2">
          <a
            href={formatRoute(to)}
            onClick={go}
            onKeyDown={moveFocus}
            aria-describedby={`${id}-time ${id}-rest`}
            aria-current={current ? "page" : undefined}
            dir="auto"
            className={`min-w-0 flex-1 truncate outline-none after:absolute after:inset-0 after:rounded-2xl focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-leaf ${unread > 0 ? "font-bold" : "font-semibold"}`}
          >
            {title}
          </a>
          {lastItem && (
            <time
              id={`${id}-time`}
              dateTime={new Date(lastItem.at).toISOString()}
              className={`shrink-0 text-tiny ${unread > 0 ? "font-semibold text-accent" : "text-muted"}`}
            >
              {formatListTime(lastItem.at, props.now)}
            </time>
          )}
        </div>
        <div id={`${id}-rest`} className="mt-0.5 flex items-center gap-2">
          <Preview conversation={conversation} people={people} self={self} current={current} />
          {unread > 0 && (
            <span className="inline-flex h-5 min-w-5 shrink-0 items-center justify-center rounded-full bg-accent px-1.5 text-tiny font-bold text-accent-ink">
              {unread > 99 ? "99+" : unread}
              <span className="sr-only"> unread</span>
            </span>
          )}
        </div>
      </div>
    </li>
  );
});

/** The line below the title: a draft before the state of one's membership before the last item. */
function Preview(props: {
  conversation: ConversationView;
  people: Record<string, Person>;
  self: string;
  current: boolean;
}) {
  const { conversation, people, self } = props;
  const shape = "min-w-0 flex-1 truncate text-small";
  if (conversation.draft.trim() !== "" && !props.current) {
    return (
      <span className={`${shape} text-muted`}>
        <span className="font-semibold text-accent">Draft: </span>
        <span dir="auto">{conversation.draft.slice(0, 200)}</span>
      </span>
    );
  }
  const state = MEMBERSHIP_WORDS[conversation.membership.state];
  if (state) return <span className={`${shape} text-muted italic`}>{state}</span>;
  if (!conversation.lastItem) return <span className={`${shape} text-muted`}>No messages yet</span>;
  const { author, text } = previewText(conversation.lastItem, conversation.kind, people, self);
  return (
    <span className={`${shape} ${conversation.unread > 0 ? "text-ink" : "text-muted"}`}>
      {author && <span className="font-medium">{author}: </span>}
      <span dir="auto">{text}</span>
    </span>
  );
}

const MEMBERSHIP_WORDS: Record<ConversationView["membership"]["state"], string | undefined> = {
  founding: "Setting up…",
  joining: "Joining…",
  member: undefined,
  leaving: "Leaving…",
  left: "You left",
  removed: "You're no longer a member",
  broken: "Can't go on here",
};

function Empty({ caughtUp }: { caughtUp: boolean }) {
  return (
    <div className="m-auto max-w-72 px-6 pb-24 text-center">
      <MessageCirclePlus className="mx-auto size-10 text-leaf-text" strokeWidth={1.4} aria-hidden />
      <p className="mt-4 font-display text-lg font-semibold">No conversations yet</p>
      <p className="mt-1 text-small text-muted">
        Start one with somebody’s handle.{" "}
        {caughtUp ? "" : "Invitations that wait for you appear here as soon as you are connected."}
      </p>
      <Button className="mt-5" onClick={() => openOverlay("new")}>
        Start a conversation
      </Button>
    </div>
  );
}

/** Arrow keys, Home and End walk the list; Tab leaves it as usual. */
function moveFocus(event: KeyboardEvent<HTMLAnchorElement>) {
  const links = [...(event.currentTarget.closest("ul")?.querySelectorAll("a") ?? [])];
  const at = links.indexOf(event.currentTarget);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  const target = next === undefined ? undefined : links[next];
  if (at < 0 || !target) return;
  event.preventDefault();
  target.focus();
}
