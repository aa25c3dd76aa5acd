import { type FormEvent, type RefObject, useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { type HandleChip, HandleChips, withHandles } from "../../components/handle-chips.tsx";
import { act } from "../../store/store.ts";
import { errorSentence, errorText } from "../../text/error-sentence.ts";

/** Invites by exact handles. */
export function AddPeople(props: { open: boolean; onClose: () => void; conversationId: string }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Dialog
      open={props.open}
      onClose={props.onClose}
      title="Invite to the conversation"
      description="They read what is sent from then on, not what came before."
      initialFocus={input}
    >
      <Form inputRef={input} conversationId={props.conversationId} onDone={props.onClose} />
    </Dialog>
  );
}

function Form(props: {
  inputRef: RefObject<HTMLInputElement | null>;
  conversationId: string;
  onDone: () => void;
}) {
  const [chips, setChips] = useState<HandleChip[]>([]);
  const [draft, setDraft] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const all = withHandles(chips, draft);
    setChips(all);
    setDraft("");
    if (busy) return;
    if (all.length === 0) {
      setProblem("Enter at least one handle.");
      props.inputRef.current?.focus();
      return;
    }
    setBusy(true);
    setProblem(undefined);
    const handles = all.map((chip) => chip.handle);
    const reply = await act({ type: "inviteMembers", conversationId: props.conversationId, handles });
    setBusy(false);
    if (reply.ok) {
      props.onDone();
      return;
    }
    const { error } = reply;
    if (handles.some((handle) => handle === error.subject)) {
      const { sentence } = errorSentence(error);
      setChips(all.map((chip) => (chip.handle === error.subject ? { ...chip, problem: sentence } : chip)));
    } else {
      setProblem(errorText(error));
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <HandleChips
        chips={chips}
        draft={draft}
        inputRef={props.inputRef}
        onChange={(next, typed) => {
          setChips(next);
          setDraft(typed);
          setProblem(undefined);
        }}
      />
      <p role="alert" className="mt-2 min-h-4.5 text-small text-danger">
        {problem}
      </p>
      <Button type="submit" wide className="mt-3 min-h-12" disabled={busy} aria-busy={busy}>
        {busy ? "Adding…" : "Add"}
      </Button>
    </form>
  );
}
