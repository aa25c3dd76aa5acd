import type { ConversationView } from "@thicket/client/api";
import { useCallback, useEffect, useRef, useState } from "react";
import { act } from "../../store/store.ts";

const PAUSE = 300;

/**
 * The text being written, saved in the engine at each pause, when the page is hidden and when the conversation
 * is left. The component is keyed by conversation.
 */
export function useDraft({ conversationId, draft }: ConversationView) {
  const [text, setText] = useState(draft);
  const [saved, setSaved] = useState(false);
  // `unsaved` is what waits for the pause; undefined when all is saved. `stored` is what the engine was last given.
  const unsaved = useRef<string>(undefined);
  const stored = useRef(draft);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const flush = useCallback(() => {
    clearTimeout(timer.current);
    const value = unsaved.current;
    unsaved.current = undefined;
    if (value === undefined || value === stored.current) return;
    stored.current = value;
    void act({ type: "saveDraft", conversationId, text: value }).then((reply) => {
      if (reply.ok && unsaved.current === undefined && value !== "") setSaved(true);
    });
  }, [conversationId]);

  const set = useCallback(
    (value: string) => {
      setText(value);
      setSaved(false);
      unsaved.current = value;
      clearTimeout(timer.current);
      timer.current = setTimeout(flush, PAUSE);
    },
    [flush],
  );

  // Another tab wrote on: taken over unless something is being written here.
  useEffect(() => {
    if (unsaved.current !== undefined || draft === stored.current) return;
    stored.current = draft;
    setText(draft);
  }, [draft]);

  useEffect(() => {
    const onHide = () => document.visibilityState === "hidden" && flush();
    document.addEventListener("visibilitychange", onHide);
    addEventListener("pagehide", flush);
    return () => {
      document.removeEventListener("visibilitychange", onHide);
      removeEventListener("pagehide", flush);
      flush();
    };
  }, [flush]);

  return {
    text,
    saved,
    set,
    /**
     * Before sending: the field is empty at once, but the words stay stored until the commit that takes the message
     * clears them. Whenever the browser dies, they are in the one place or in the other.
     */
    handOver: () => {
      clearTimeout(timer.current);
      unsaved.current = undefined;
      setText("");
      setSaved(false);
      if (stored.current === text) return;
      stored.current = text;
      void act({ type: "saveDraft", conversationId, text });
    },
    /** Puts words back that were refused. */
    restore: (words: string) => {
      const typed = unsaved.current ?? (stored.current === words ? "" : stored.current);
      set(typed === "" ? words : `${words}\n${typed}`);
    },
  };
}
