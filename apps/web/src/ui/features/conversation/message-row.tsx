import type { MessageDelivery, Person, TimelineItem } from "@thicket/client/api";
import { Check, CheckCheck, CircleAlert, Clock3, EyeOff, RotateCcw, ShieldAlert, Trash2 } from "lucide-react";
import { memo, type ReactNode } from "react";
import { Avatar, hueOf } from "../../components/avatar.tsx";
import { toastError } from "../../components/toasts.tsx";
import { act } from "../../store/store.ts";
import { formatDay, formatExact, formatTime } from "../../text/dates.ts";
import { errorSentence } from "../../text/error-sentence.ts";
import { personName } from "../../text/names.ts";
import { eventText, isEmojiOnly, placeholderText, splitLinks } from "../../text/timeline-text.ts";

type Message = Extract<TimelineItem, { kind: "message" }>;
type People = Record<string, Person>;

interface RowProps {
  conversationId: string;
  item: TimelineItem;
  day: boolean;
  unread: boolean;
  first: boolean;
  last: boolean;
  /** In a group each run of others' bubbles says who speaks. */
  group: boolean;
  people: People;
  self: string;
  now: number;
}

/** One item with the separators before it. Paddings, no margins: virtuoso measures boxes. */
export const MessageRow = memo(function MessageRow(props: RowProps) {
  const { item } = props;
  return (
    <div className="mx-auto max-w-192 px-3 md:px-6">
      {props.day && (
        <div className="flex justify-center pt-5 pb-2">
          <span className="rounded-full bg-sunken px-3 py-1 text-tiny font-semibold text-muted">
            {formatDay(item.at, props.now)}
          </span>
        </div>
      )}
      {props.unread && (
        <div className="flex items-center gap-3 pt-4 pb-1 text-tiny font-bold text-accent">
          <span className="h-px flex-1 bg-accent opacity-40" />
          New messages
          <span className="h-px flex-1 bg-accent opacity-40" />
        </div>
      )}
      {item.kind === "event" ? <EventLine {...props} item={item} /> : <Bubble {...props} item={item} />}
    </div>
  );
});

function EventLine({
  item,
  group,
  people,
  self,
}: RowProps & { item: Extract<TimelineItem, { kind: "event" }> }) {
  const refused = item.event.type === "refused";
  return (
    <p
      title={formatExact(item.at)}
      className={`flex items-center justify-center gap-1.5 px-6 py-1 text-center text-small ${refused ? "text-danger" : "text-muted"}`}
    >
      {refused && <ShieldAlert className="size-4 shrink-0" aria-hidden />}
      <span dir="auto">{eventText(item.event, item.author, group ? "group" : "direct", people, self)}</span>
    </p>
  );
}

function Bubble(props: RowProps & { item: Message }) {
  const { item, first, last, group, people } = props;
  const own = item.own;
  const name = personName(people, item.author);
  const large = item.body.type === "text" && isEmojiOnly(item.body.text);
  const corners = own
    ? `${first ? "" : "rounded-tr-md"} ${last ? "" : "rounded-br-md"}`
    : `${first ? "" : "rounded-tl-md"} ${last ? "" : "rounded-bl-md"}`;
  const ground = own ? "bg-own text-own-ink" : "bg-surface text-ink border border-line";
  return (
    <div
      className={`flex gap-2 ${first ? "pt-2.5" : "pt-0.5"} ${own ? "justify-end pl-10 md:pl-24" : "pr-10 md:pr-24"}`}
    >
      {group && !own && (
        <span className="flex w-7 shrink-0 items-end">
          {last && <Avatar id={item.author} name={name} size="small" />}
        </span>
      )}
      <div className={`flex min-w-0 flex-col ${own ? "items-end" : "items-start"}`}>
        {group && !own && first && (
          <p
            aria-hidden="true"
            data-hue={hueOf(item.author)}
            className="hue-text px-3 pb-0.5 text-small font-semibold"
          >
            {name}
          </p>
        )}
        <div
          data-own-bubble={own ? "" : undefined}
          className={`max-w-full rounded-[1.125rem] px-3 py-1.5 ${corners} ${large ? "" : `shadow-lift ${ground}`}`}
        >
          <span className="sr-only">{own ? "You" : name}: </span>
          <Body body={item.body} large={large} own={own} />
          <Stamp item={item} plain={large} />
        </div>
        {item.delivery?.state === "failed" && (
          <Failure conversationId={props.conversationId} messageId={item.id} delivery={item.delivery} />
        )}
      </div>
    </div>
  );
}

function Body({ body, large, own }: { body: Message["body"]; large: boolean; own: boolean }) {
  if (body.type === "text") {
    return (
      <span
        data-message-text
        dir="auto"
        className={`wrap-anywhere whitespace-pre-wrap ${large ? "text-[2.5rem] leading-12" : "text-base/5.5 md:text-body"}`}
      >
        {splitLinks(body.text).map((part, index) =>
          part.href ? (
            <a
              key={index}
              href={part.href}
              target="_blank"
              rel="noopener noreferrer nofollow"
              className={`underline underline-offset-2 ${own ? "" : "text-leaf-text"}`}
            >
              {part.text}
            </a>
          ) : (
            part.text
          ),
        )}
      </span>
    );
  }
  const Icon = body.type === "unreadable" ? ShieldAlert : EyeOff;
  return (
    <span
      className={`inline-flex items-start gap-2 text-small italic ${own ? "text-own-muted" : "text-muted"}`}
    >
      <Icon className="mt-0.5 size-4 shrink-0" aria-hidden />
      <span className="wrap-anywhere">{placeholderText(body)}</span>
    </span>
  );
}

/** Time and state at the end of the last line, or below it where that is full. */
function Stamp({ item, plain }: { item: Message; plain: boolean }) {
  const colour = item.own && !plain ? "text-own-muted" : "text-muted";
  return (
    <span
      className={`float-right mt-1 -mb-1 ml-2.5 inline-flex h-5 items-center gap-1 text-[0.6875rem] select-none ${colour}`}
    >
      <time dateTime={new Date(item.at).toISOString()} title={formatExact(item.at)}>
        {formatTime(item.at)}
      </time>
      {item.delivery && <DeliveryMark delivery={item.delivery} />}
    </span>
  );
}

const MARKS: Record<MessageDelivery["state"], { text: string; icon: ReactNode }> = {
  sending: { text: "Sending", icon: <Clock3 className="size-3" aria-hidden /> },
  sent: { text: "Sent", icon: <Check className="size-3.5" aria-hidden /> },
  delivered: { text: "Delivered to all", icon: <CheckCheck className="size-3.5" aria-hidden /> },
  failed: { text: "Not sent", icon: <CircleAlert className="size-3.5" aria-hidden /> },
};

function DeliveryMark({ delivery }: { delivery: MessageDelivery }) {
  const { text, icon } = MARKS[delivery.state];
  return (
    <span
      title={delivery.state === "delivered" ? "Delivered to all, says the server" : text}
      className="inline-flex"
    >
      {icon}
      <span className="sr-only">{text}</span>
    </span>
  );
}

function Failure(props: {
  conversationId: string;
  messageId: string;
  delivery: Extract<MessageDelivery, { state: "failed" }>;
}) {
  const { sentence, advice } = errorSentence(props.delivery.error);
  const send = async (type: "retryMessage" | "discardMessage") => {
    const reply = await act({ type, conversationId: props.conversationId, messageId: props.messageId });
    if (!reply.ok) toastError(reply.error);
  };
  return (
    <div className="mt-1 flex max-w-80 flex-col items-end text-right text-small text-danger">
      <p>
        Not sent. {sentence} {advice}
      </p>
      <p className="flex">
        <FailureAction icon={<RotateCcw />} onClick={() => void send("retryMessage")}>
          Try again
        </FailureAction>
        <FailureAction icon={<Trash2 />} onClick={() => void send("discardMessage")}>
          Discard
        </FailureAction>
      </p>
    </div>
  );
}

function FailureAction(props: { icon: ReactNode; onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      onClick={props.onClick}
      className="inline-flex min-h-11 items-center gap-1.5 rounded-lg px-2.5 font-semibold hover:bg-danger-soft md:min-h-8 [&_svg]:size-3.5"
    >
      {props.icon}
      {props.children}
    </button>
  );
}
