import type { ClientError } from "@thicket/client/api";
import { KeyRound, LockOpen } from "lucide-react";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { askPersistence } from "../../../bridge/storage-status.ts";
import { Button } from "../../components/button.tsx";
import { Mark } from "../../components/mark.tsx";
import { type FieldNote, TextField } from "../../components/text-field.tsx";
import { act } from "../../store/store.ts";
import { errorText } from "../../text/error-sentence.ts";

const HELP: FieldNote = {
  tone: "help",
  text: "3 to 32 letters (a–z), digits, dots, dashes or underscores. Others find you by it.",
};

/** Before there is an account: what this is, what it isn't yet, and the choice of a handle. */
export function Onboarding() {
  const [handle, setHandle] = useState("");
  const [note, setNote] = useState<FieldNote>(HELP);
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useHandleCheck(handle, busy, setNote);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    // Asked within the click: some browsers want one.
    void askPersistence();
    const reply = await act({ type: "signUp", handle });
    setBusy(false);
    if (reply.ok) return;
    setNote(errorNote(reply.error));
    input.current?.focus();
  };

  return (
    <main className="safe-x flex h-dvh overflow-y-auto bg-paper">
      <div className="m-auto w-full max-w-108 px-6 py-10">
        <div className="mb-8 flex items-center gap-3">
          <Mark className="size-12" />
          <h1 className="font-display text-[2rem]/9 font-semibold tracking-tight">Thicket</h1>
        </div>
        <p className="text-lead text-ink">
          A private chat for groups: what you write is encrypted on this device, and only the members of a
          conversation can read it.
        </p>
        <form onSubmit={(event) => void submit(event)} className="mt-8" noValidate>
          <TextField
            ref={input}
            label="Handle"
            lead="@"
            value={handle}
            onChange={(event) => {
              setHandle(event.target.value);
              setNote(HELP);
            }}
            note={note}
            autoFocus
            autoCapitalize="none"
            autoCorrect="off"
            autoComplete="username"
            spellCheck={false}
            enterKeyHint="go"
            placeholder="e.g. alice"
          />
          <Button type="submit" wide className="mt-3 min-h-12" disabled={busy} aria-busy={busy}>
            {busy ? "Making your keys…" : "Create account"}
          </Button>
        </form>
        <ul role="list" className="mt-8 space-y-4 text-small text-muted">
          <Fact icon={<KeyRound />}>
            No password, e-mail or phone number. Your keys are made here and stay here, so if this browser’s
            data is cleared, the account and its messages are gone.
          </Fact>
          <Fact icon={<LockOpen />}>
            This device has no lock yet: whoever can open this browser can read your messages and write as
            you.
          </Fact>
        </ul>
      </div>
    </main>
  );
}

function Fact(props: { icon: ReactNode; children: ReactNode }) {
  return (
    <li className="flex gap-3 [&_svg]:mt-0.5 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-leaf-text">
      {props.icon}
      <span>{props.children}</span>
    </li>
  );
}

/** Asks the engine about the handle once the person pauses; a newer keystroke makes an answer void. */
function useHandleCheck(handle: string, busy: boolean, say: (note: FieldNote) => void) {
  useEffect(() => {
    if (handle.trim() === "" || busy) return;
    let current = true;
    const timer = setTimeout(() => {
      void act({ type: "checkHandle", handle }).then((reply) => {
        if (!current) return;
        if (reply.ok) say({ tone: "good", text: "This handle is free." });
        else if (reply.error.code !== "OFFLINE") say(errorNote(reply.error));
      });
    }, 350);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [handle, busy, say]);
}

function errorNote(error: ClientError): FieldNote {
  return { tone: "error", text: errorText(error) };
}
