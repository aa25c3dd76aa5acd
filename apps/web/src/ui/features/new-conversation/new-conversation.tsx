import { type FormEvent, useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { type HandleChip, HandleChips, withHandles } from "../../components/handle-chips.tsx";
import { type FieldNote, TextField } from "../../components/text-field.tsx";
import { closeOverlay, navigate } from "../../store/navigation.ts";
import { act, mintGroupId } from "../../store/store.ts";
import { errorSentence, errorText } from "../../text/error-sentence.ts";

/** Starts a conversation: with one handle and no title a 1:1 chat, else a group. */
export function NewConversation({ open }: { open: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Dialog open={open} onClose={closeOverlay} title="New conversation" initialFocus={input}>
      <Form inputRef={input} />
    </Dialog>
  );
}

function Form({ inputRef }: { inputRef: React.RefObject<HTMLInputElement | null> }) {
  const [chips, setChips] = useState<HandleChip[]>([]);
  const [draft, setDraft] = useState("");
  const [title, setTitle] = useState("");
  const [note, setNote] = useState<FieldNote>();
  const [busy, setBusy] = useState(false);
  // One act however often it is tried: a retry can't found a second group.
  const [groupId] = useState(mintGroupId);
  const group = chips.length > 1 || title.trim() !== "";

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const all = withHandles(chips, draft);
    setChips(all);
    setDraft("");
    if (busy) return;
    if (all.length === 0) {
      setNote({ tone: "error", text: "Enter at least one handle." });
      inputRef.current?.focus();
      return;
    }
    setBusy(true);
    setNote(undefined);
    const reply = await act({
      type: "startConversation",
      groupId,
      title: title.trim() === "" ? undefined : title.trim(),
      handles: all.map((chip) => chip.handle),
    });
    setBusy(false);
    if (reply.ok) {
      navigate(
        { page: "conversation", conversationId: reply.conversationId ?? groupId, members: false },
        { replace: true },
      );
      return;
    }
    const { error } = reply;
    if (all.some((chip) => chip.handle === error.subject)) {
      const { sentence } = errorSentence(error);
      setChips(all.map((chip) => (chip.handle === error.subject ? { ...chip, problem: sentence } : chip)));
    } else {
      setNote({ tone: "error", text: errorText(error) });
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <HandleChips
        chips={chips}
        draft={draft}
        inputRef={inputRef}
        onChange={(next, typed) => {
          setChips(next);
          setDraft(typed);
          setNote(undefined);
        }}
      />
      <div className="mt-4">
        <TextField
          label="Group title"
          value={title}
          onChange={(event) => {
            setTitle(event.target.value);
            setNote(undefined);
          }}
          placeholder="Optional"
          autoComplete="off"
          note={
            note ?? { tone: "help", text: "With one handle and no title it becomes a private chat of two." }
          }
        />
      </div>
      <Button type="submit" wide className="mt-3 min-h-12" disabled={busy} aria-busy={busy}>
        {busy ? "Starting…" : group ? "Start group" : "Start chat"}
      </Button>
    </form>
  );
}
