import type { ConversationView } from "@thicket/client/api";
import { SendHorizontal } from "lucide-react";
import {
  type FormEvent,
  type KeyboardEvent,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { TOUCH, useMedia } from "../../components/use-media.ts";
import { act } from "../../store/store.ts";
import { errorText } from "../../text/error-sentence.ts";
import { useDraft } from "./use-draft.ts";

/** Where one writes. What is typed is kept as a draft; a refused message comes back here with the reason. */
export function Composer({ conversation, title }: { conversation: ConversationView; title: string }) {
  const { conversationId, may } = conversation;
  const touch = useMedia(TOUCH);
  const box = useRef<HTMLTextAreaElement>(null);
  const [error, setError] = useState<string>();
  const draft = useDraft(conversation);
  const id = useId();

  useEffect(() => {
    if (!touch && may.send) box.current?.focus({ preventScroll: true });
  }, [touch, may.send]);
  // Browsers without `field-sizing` measure the text themselves, after each render.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  });

  const send = async () => {
    const text = draft.text;
    if (text.trim() === "" || !may.send) return;
    setError(undefined);
    draft.handOver();
    box.current?.focus();
    const reply = await act({ type: "sendMessage", conversationId, text });
    if (reply.ok) return;
    // Nothing is lost: the words come back, before whatever was typed since.
    draft.restore(text);
    setError(errorText(reply.error));
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing || touch) return;
    event.preventDefault();
    void send();
  };

  return (
    <form
      onSubmit={onSubmit}
      className="mx-auto w-full max-w-192 px-3 pt-1 pb-[calc(0.75rem+env(safe-area-inset-bottom))] md:px-6"
    >
      {error && (
        <p id={`${id}-error`} role="alert" className="px-3 pb-1.5 text-small text-danger">
          {error}
        </p>
      )}
      <div className="flex items-end gap-1 rounded-3xl border border-line bg-surface p-1 shadow-lift focus-within:border-leaf">
        <textarea
          ref={box}
          aria-label="Message"
          aria-describedby={error ? `${id}-error` : undefined}
          placeholder={may.send ? `Message ${title}` : "One moment…"}
          disabled={!may.send}
          rows={1}
          dir="auto"
          value={draft.text}
          onChange={(event) => {
            draft.set(event.target.value);
            setError(undefined);
          }}
          onKeyDown={onKeyDown}
          enterKeyHint={touch ? "enter" : "send"}
          className="grow-with-text max-h-[38dvh] min-h-11 min-w-0 flex-1 resize-none bg-transparent px-3.5 py-2.5 text-base/6 outline-none placeholder:truncate placeholder:text-muted md:min-h-10 md:py-2 md:text-body/6"
        />
        <button
          type="submit"
          aria-label="Send"
          disabled={draft.text.trim() === "" || !may.send}
          className="inline-flex size-11 shrink-0 items-center justify-center rounded-full bg-leaf text-leaf-ink transition-colors hover:bg-leaf-strong disabled:bg-transparent disabled:text-muted md:size-10"
        >
          <SendHorizontal className="size-5" aria-hidden />
        </button>
      </div>
      <output className="sr-only">{draft.saved ? "Draft saved" : ""}</output>
    </form>
  );
}
