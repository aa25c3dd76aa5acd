import type { ConversationView } from "@thicket/client/api";
import { type FormEvent, useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { TextField } from "../../components/text-field.tsx";
import { act } from "../../store/store.ts";
import { errorText } from "../../text/error-sentence.ts";

/** A new title for all. */
export function RenameGroup(props: { open: boolean; onClose: () => void; conversation: ConversationView }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Dialog open={props.open} onClose={props.onClose} title="Rename group" initialFocus={input}>
      <Form inputRef={input} conversation={props.conversation} onDone={props.onClose} />
    </Dialog>
  );
}

function Form({
  inputRef,
  conversation,
  onDone,
}: {
  inputRef: React.RefObject<HTMLInputElement | null>;
  conversation: ConversationView;
  onDone: () => void;
}) {
  const [title, setTitle] = useState(conversation.title ?? "");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if (title.trim() === (conversation.title ?? "")) return onDone();
    setBusy(true);
    const { conversationId } = conversation;
    const reply = await act({ type: "renameConversation", conversationId, title: title.trim() });
    setBusy(false);
    if (reply.ok) onDone();
    else setProblem(errorText(reply.error));
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <TextField
        ref={inputRef}
        label="Group title"
        value={title}
        onChange={(event) => {
          setTitle(event.target.value);
          setProblem(undefined);
        }}
        autoComplete="off"
        note={
          problem === undefined
            ? { tone: "help", text: "All members see it. The server doesn’t." }
            : { tone: "error", text: problem }
        }
      />
      <Button type="submit" wide className="mt-3 min-h-12" disabled={busy} aria-busy={busy}>
        Save
      </Button>
    </form>
  );
}
