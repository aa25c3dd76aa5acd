import type { ConversationView, Position, TimelineItem } from "@thicket/client/api";
import { ArrowDown } from "lucide-react";
import { type ComponentProps, useEffect, useMemo, useRef, useState } from "react";
import { Virtuoso, type VirtuosoHandle } from "react-virtuoso";
import { useNow } from "../../components/use-now.ts";
import { act, loadOlder, useUi } from "../../store/store.ts";
import { accountOf } from "../../text/names.ts";
import { MessageRow } from "./message-row.tsx";
import { newestPlaced, type TimelineRow, timelineRows } from "./timeline-rows.ts";

/** Rows before the first that was loaded get lower indices: virtuoso keeps the position by them. */
const ORIGIN = 1_000_000;

/** The log of a conversation whose newest page is loaded; opens at the first unread message, else at the newest. */
export function Timeline({ conversation, items }: { conversation: ConversationView; items: TimelineItem[] }) {
  const { conversationId } = conversation;
  const people = useUi((state) => state.view.people);
  const self = useUi((state) => accountOf(state.view)?.userId ?? "");
  const now = useNow();
  const group = conversation.kind === "group";
  const context = { conversationId, group, people, self, now };
  const list = useRef<VirtuosoHandle>(null);
  const [atBottom, setAtBottom] = useState(true);
  const hasReachedEnd = useRef(false); // it isn't where everybody begins to read
  const { scrollerRef, resizedLately } = useResizedLately();
  // Rows that take other heights are no reason to leave the end; who is there comes back to it.
  const staysAtEnd = () => atBottom && hasReachedEnd.current && resizedLately();
  const [line, setLine] = useState(() => unreadLine(conversation));
  const rows = useMemo(() => timelineRows(items, line), [items, line]);
  const firstItemIndex = useFirstIndex(items);
  const last = items.at(-1);
  useMarkRead(conversation, items, atBottom);
  const below = useCountBelow(items, atBottom);

  // Who answers has read: the line has done its work. Own words are always followed.
  const ownLast = last?.kind === "message" && last.own ? last.id : undefined;
  const seenOwn = useRef(ownLast);
  useEffect(() => {
    if (ownLast === undefined || seenOwn.current === ownLast) return;
    seenOwn.current = ownLast;
    setLine(undefined);
    toEnd(list.current);
  }, [ownLast]);

  const [start] = useState(() => {
    const unread = rows.findIndex((row) => row.unread);
    return unread >= 0
      ? { index: unread, align: "start" as const, offset: -48 }
      : { index: "LAST" as const, align: "end" as const };
  });

  return (
    <div className="relative min-h-0 flex-1">
      <Virtuoso
        ref={list}
        role="log"
        aria-label="Messages"
        aria-live="off"
        className="h-full overscroll-contain"
        data={rows}
        firstItemIndex={firstItemIndex}
        initialTopMostItemIndex={start}
        computeItemKey={(_index, row) => row.item.id}
        alignToBottom
        followOutput={(following) => (following ? "auto" : false)}
        atBottomThreshold={64}
        atBottomStateChange={(isAtBottom) => {
          hasReachedEnd.current ||= isAtBottom;
          if (!isAtBottom && staysAtEnd()) toEnd(list.current);
          else setAtBottom(isAtBottom);
        }}
        totalListHeightChanged={() => {
          if (staysAtEnd()) toEnd(list.current);
        }}
        scrollerRef={scrollerRef}
        startReached={() => void loadOlder(conversationId)}
        increaseViewportBy={{ top: 1600, bottom: 600 }}
        context={context}
        components={COMPONENTS}
        itemContent={renderRow}
      />
      {!atBottom && (
        <button
          type="button"
          aria-label={below > 0 ? `Jump to newest, ${below} new` : "Jump to newest"}
          onClick={() => toEnd(list.current)}
          className="popup absolute right-4 bottom-3 inline-flex h-11 min-w-11 animate-rise items-center justify-center gap-1.5 rounded-full px-3 text-small font-semibold"
        >
          {below > 0 && <span className="text-accent">{below}</span>}
          <ArrowDown className="size-5" aria-hidden />
        </button>
      )}
    </div>
  );
}

function toEnd(list: VirtuosoHandle | null) {
  list?.scrollToIndex({ index: "LAST", align: "end" });
}

type Context = Pick<
  ComponentProps<typeof MessageRow>,
  "conversationId" | "group" | "people" | "self" | "now"
>;

function renderRow(_index: number, row: TimelineRow, context: Context) {
  return <MessageRow {...context} {...row} />;
}

const COMPONENTS = { Header: Beginning, Footer: () => <div className="h-3" /> };

function Beginning({ context }: { context?: Context }) {
  const window = useUi((state) => state.windows[context?.conversationId ?? ""]);
  if (window?.state !== "ready" || window.reachedStart) return <div className="h-3" />;
  return (
    <p className="h-12 animate-breathe pt-4 text-center text-small text-muted">Loading earlier messages…</p>
  );
}

/** Where the unread line goes, as the conversation is opened; "" is before everything. */
function unreadLine(conversation: ConversationView): Position | undefined {
  return conversation.unread === 0 ? undefined : (conversation.readUpTo ?? "");
}

/** Counts what came before the item that was first when the log was opened. */
function useFirstIndex(items: readonly TimelineItem[]): number {
  const [anchor, setAnchor] = useState({ id: items[0]?.id, index: ORIGIN });
  const before = items.findIndex((item) => item.id === anchor.id);
  if (before >= 0) return anchor.index - before;
  const first = items[0]?.id;
  if (anchor.id !== first) setAnchor({ id: first, index: anchor.index });
  return anchor.index;
}

/** How long rows are measured anew after a change of size: a phone that is turned, a window that gets narrower. */
const SETTLING_MS = 500;
const SCROLLS = ["wheel", "touchstart", "touchmove", "pointerdown", "keydown"];

/** Whether the list has taken another size a moment ago, and its reader hasn't touched it since. */
function useResizedLately() {
  const [element, scrollerRef] = useState<HTMLElement | Window | null>(null);
  const scroller = element instanceof HTMLElement ? element : undefined;
  const size = useRef("");
  const resizedAt = useRef(-Infinity);
  useEffect(() => {
    if (scroller === undefined) return;
    size.current = sizeOf(scroller);
    const observer = new ResizeObserver(() => {
      if (sizeOf(scroller) !== size.current) resizedAt.current = performance.now();
      size.current = sizeOf(scroller);
    });
    observer.observe(scroller);
    const touched = new AbortController();
    for (const kind of SCROLLS) {
      const { signal } = touched;
      scroller.addEventListener(kind, () => (resizedAt.current = -Infinity), { signal, passive: true });
    }
    return () => {
      observer.disconnect();
      touched.abort();
    };
  }, [scroller]);
  return {
    scrollerRef,
    resizedLately: () => {
      // Within the frame of the change the list may be asked about it before the observer is.
      const isBeingResized = scroller !== undefined && size.current !== sizeOf(scroller);
      return isBeingResized || performance.now() - resizedAt.current < SETTLING_MS;
    },
  };
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement): string {
  return `${clientWidth} ${clientHeight}`;
}

/** Tells the engine how far the person has read: what is on the screen, at the bottom, in a visible tab. */
function useMarkRead(conversation: ConversationView, items: readonly TimelineItem[], atBottom: boolean) {
  const visible = useVisible();
  const newest = newestPlaced(items)?.position;
  const { conversationId, unread, readUpTo } = conversation;
  const told = useRef(readUpTo);
  useEffect(() => {
    if (!visible || !atBottom || unread === 0 || newest === undefined) return;
    if (told.current !== undefined && newest <= told.current && readUpTo === told.current) return;
    told.current = newest;
    void act({ type: "markRead", conversationId, position: newest });
  }, [visible, atBottom, unread, newest, conversationId, readUpTo]);
}

function useVisible(): boolean {
  const [visible, setVisible] = useState(document.visibilityState === "visible");
  useEffect(() => {
    const update = () => setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", update);
    return () => document.removeEventListener("visibilitychange", update);
  }, []);
  return visible;
}

/** How many messages of others came since the newest one was last on the screen. */
function useCountBelow(items: readonly TimelineItem[], atBottom: boolean): number {
  const newest = items.at(-1)?.position;
  const [seen, setSeen] = useState(newest);
  if (atBottom && seen !== newest) setSeen(newest);
  if (atBottom || seen === undefined) return 0;
  return items.filter((item) => item.kind === "message" && !item.own && item.position > seen).length;
}
