import type { ClientError } from "@thicket/client/api";
import { DoorClosed, KeyRound, LockOpen } from "lucide-react";
import { type FormEvent, type ReactNode, type Ref, useEffect, useRef, useState } from "react";
import { askPersistence } from "../../../bridge/storage-status.ts";
import { Button } from "../../components/button.tsx";
import { TOUCH, useMedia } from "../../components/use-media.ts";
import { type FieldNote, TextField } from "../../components/text-field.tsx";
import { act } from "../../store/store.ts";
import { errorText } from "../../text/error-sentence.ts";
import { clearInvite, inviteInAddress } from "./invite-link.ts";
import { useRegistration } from "./use-registration.ts";

const HELP: FieldNote = {
  tone: "help",
  text: "3 to 32 letters (a–z), digits, dots, dashes or underscores. Others find you by it.",
};

const INVITE_HELP: FieldNote = {
  tone: "help",
  text: "This server is by invitation. Whoever runs it gives out the codes.",
};

/** Before there is an account: what this is, what it isn't yet, and the choice of a handle. */
export function Onboarding() {
  const registration = useRegistration();
  return (
    <main className="safe-x flex h-dvh flex-col overflow-y-auto bg-paper lg:flex-row">
      <Welcome />
      <div className="mx-auto w-full max-w-108 px-6 py-8 lg:m-auto lg:py-12">
        {registration === "closed" ? <Closed /> : <SignUp byInvite={registration === "invite"} />}
      </div>
    </main>
  );
}

/** In the place of the form where it would only be refused. */
function Closed() {
  return (
    <section aria-live="polite">
      <h2 className="mb-3 flex items-center gap-2.5 font-display text-2xl font-semibold tracking-tight">
        <DoorClosed aria-hidden className="size-6 text-leaf-text" />
        Sign-up is closed
      </h2>
      <p className="text-base text-muted">
        This server takes no new accounts at the moment. Ask whoever runs it; this page opens by itself once
        it does.
      </p>
    </section>
  );
}

function SignUp({ byInvite }: { byInvite: boolean }) {
  const [handle, setHandle] = useState("");
  const [invite, setInvite] = useState(inviteInAddress);
  const [inviteNote, setInviteNote] = useState<FieldNote>(INVITE_HELP);
  const inviteInput = useRef<HTMLInputElement>(null);
  const [note, setNote] = useState<FieldNote>(HELP);
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
    setBusy(true);
    // Asked within the click: some browsers want one.
    void askPersistence();
    const code = invite.trim();
    const reply = await act({ type: "signUp", handle, ...(byInvite && code !== "" ? { invite: code } : {}) });
    setBusy(false);
    if (reply.ok) return clearInvite();
    if (reply.error.code === "INVITE_REFUSED") {
      setInviteNote(errorNote(reply.error));
      inviteInput.current?.focus();
      return;
    }
    setNote(errorNote(reply.error));
    input.current?.focus();
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
    <div className="mt-3">
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

/** What this is, in one sentence, on the deep green of the forest. */
function Welcome() {
  return (
    <header className="safe-top relative shrink-0 overflow-hidden bg-deep text-deep-ink lg:flex lg:w-[46%] lg:flex-col lg:justify-center">
      <Grove className="absolute -right-16 -bottom-24 size-80 opacity-60 lg:-right-24 lg:-bottom-40 lg:size-160 lg:opacity-100" />
      <div className="relative mx-auto w-full max-w-108 px-6 py-9 lg:max-w-120 lg:px-12 lg:pb-40">
        <h1 className="font-display text-[2.125rem]/10 font-semibold tracking-tight lg:text-[3.25rem]/14">
          Thicket
        </h1>
        <p className="mt-3 max-w-88 text-lead text-deep-muted lg:mt-5 lg:text-xl/8">
          A private chat for groups: what you write is encrypted on this device, and only the members of a
          conversation can read it.
        </p>
      </div>
    </header>
  );
}

/** Leaves of the mark, large and faint. */
function Grove({ className }: { className: string }) {
  return (
    <svg viewBox="0 0 512 512" aria-hidden="true" className={className}>
      <g fill="currentColor">
        <path opacity="0.07" d="M256 470C140 466 52 392 30 244c132 14 220 96 226 226Z" />
        <path opacity="0.07" d="M256 470c116-4 204-78 226-226-132 14-220 96-226 226Z" />
        <path opacity="0.06" d="M256 470C170 440 108 350 118 196c92 44 144 140 138 274Z" />
        <path opacity="0.06" d="M256 470c86-30 148-120 138-274-92 44-144 140-138 274Z" />
        <path opacity="0.1" d="M256 476c-112-104-122-262 0-400 122 138 112 296 0 400Z" />
      </g>
      <path
        fill="none"
        stroke="currentColor"
        strokeOpacity="0.14"
        strokeWidth="4"
        strokeLinecap="round"
        d="M256 476V150m0 250 62-68m-62 0-52-56m52-10 44-46m-44-10-34-36"
      />
    </svg>
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
