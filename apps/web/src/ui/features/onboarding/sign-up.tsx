import type { ClientError } from "@thicket/client/api";
import { KeyRound, LockOpen } from "lucide-react";
import { type FormEvent, type ReactNode, type Ref, useEffect, useRef, useState } from "react";
import { askPersistence } from "../../../bridge/storage-status.ts";
import { Button } from "../../components/button.tsx";
import { TOUCH, useMedia } from "../../components/use-media.ts";
import { type FieldNote, TextField } from "../../components/text-field.tsx";
import { act } from "../../store/store.ts";
import { errorText } from "../../text/error-sentence.ts";
import { useInvite } from "./invite-link.ts";

const HELP: FieldNote = {
  tone: "help",
  text: "3 to 32 letters (a–z), digits, dots, dashes or underscores. Others find you by it.",
};

const INVITE_HELP: FieldNote = {
  tone: "help",
  text: "You need one to join this server. Whoever runs it gives them out.",
};

const INVITE_MISSING: FieldNote = {
  tone: "error",
  text: "An invite code is needed here. Whoever runs this server gives them out.",
};

/** The choice of a handle, and the invite code where the server wants one. What was typed stays, whatever comes back. */
export function SignUp({ byInvite }: { byInvite: boolean }) {
  const [handle, setHandle] = useState("");
  const [invite, setInvite] = useInvite();
  const [inviteNote, setInviteNote] = useState<FieldNote>(INVITE_HELP);
  const inviteInput = useRef<HTMLInputElement>(null);
  const [note, setNote] = useState<FieldNote>(HELP);
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const touch = useMedia(TOUCH);
  useHandleCheck(handle, busy, setNote);
  useEffect(() => {
    if (!touch) input.current?.focus();
  }, [touch]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setFailure(undefined);
    const code = invite.trim();
    if (byInvite && code === "") return sayInvite(INVITE_MISSING);
    setBusy(true);
    // Asked within the click: some browsers want one.
    void askPersistence();
    const reply = await act({ type: "signUp", handle, ...(byInvite ? { invite: code } : {}) });
    setBusy(false);
    if (reply.ok) return;
    if (byInvite && reply.error.code === "INVITE_REFUSED") return sayInvite(errorNote(reply.error));
    if (!isAboutHandle(reply.error)) return setFailure(failureText(reply.error));
    setNote(errorNote(reply.error));
    input.current?.focus();
  };

  const sayInvite = (error: FieldNote) => {
    setInviteNote(error);
    inviteInput.current?.focus();
  };

  return (
    <>
      <h2 className="mb-5 hidden font-display text-2xl font-semibold tracking-tight lg:block">
        Choose your handle
      </h2>
      <form onSubmit={(event) => void submit(event)} noValidate>
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
          autoCapitalize="none"
          autoCorrect="off"
          autoComplete="username"
          spellCheck={false}
          enterKeyHint="go"
        />
        {byInvite && (
          <InviteField
            ref={inviteInput}
            value={invite}
            note={inviteNote}
            onChange={(value) => {
              setInvite(value);
              setInviteNote(INVITE_HELP);
            }}
          />
        )}
        {/* There from the start: a live region that comes with its text isn't spoken everywhere. */}
        <div role="alert">
          {failure !== undefined && (
            <p className="mt-2 rounded-xl bg-danger-soft px-3.5 py-2.5 text-small text-pretty text-danger">
              {failure}
            </p>
          )}
        </div>
        <Button type="submit" wide className="mt-3 min-h-12 md:min-h-12" disabled={busy} aria-busy={busy}>
          {busy ? "Making your keys…" : "Create account"}
        </Button>
      </form>
      <ul className="mt-8 space-y-4 text-small text-muted">
        <Fact icon={<KeyRound aria-hidden />}>
          No password, e-mail or phone number. Your keys are made here and stay here, so if this browser’s
          data is cleared, the account and its messages are gone.
        </Fact>
        <Fact icon={<LockOpen aria-hidden />}>
          This device has no lock yet: whoever can open this browser can read your messages and write as you.
        </Fact>
      </ul>
    </>
  );
}

function InviteField({
  ref,
  value,
  note,
  onChange,
}: {
  ref: Ref<HTMLInputElement>;
  value: string;
  note: FieldNote;
  onChange: (value: string) => void;
}) {
  return (
    <div className="mt-4">
      <TextField
        ref={ref}
        label="Invite code"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        note={note}
        required
        maxLength={128}
        autoCapitalize="none"
        autoCorrect="off"
        autoComplete="off"
        spellCheck={false}
        enterKeyHint="go"
      />
    </div>
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
        else if (isAboutHandle(reply.error)) say(errorNote(reply.error));
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

function isAboutHandle({ code }: ClientError): boolean {
  return code === "HANDLE_MALFORMED" || code === "HANDLE_TAKEN";
}

/** What is wrong with neither field. */
function failureText(error: ClientError): string {
  if (error.code !== "RATE_LIMITED") return errorText(error);
  // Accounts are counted by the hour and the network, and it may be others who made them.
  return "Too many people signed up from your network lately. Try again in an hour.";
}
