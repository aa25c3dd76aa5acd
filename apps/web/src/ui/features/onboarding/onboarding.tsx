import { DoorClosed, LoaderCircle } from "lucide-react";
import { useUi } from "../../store/store.ts";
import { SignUp } from "./sign-up.tsx";
import { useRegistration } from "./use-registration.ts";

/** Before there is an account: what this is, what it isn't yet, and the choice of a handle. */
export function Onboarding() {
  return (
    <main className="safe-x flex min-h-0 flex-1 flex-col overflow-y-auto lg:flex-row">
      <Welcome />
      <div className="mx-auto w-full max-w-108 px-6 py-8 lg:m-auto lg:py-12">
        <Door />
      </div>
    </main>
  );
}

/** What can be done here is up to the server: until it has said so there is no form that it might only refuse. */
function Door() {
  const registration = useRegistration();
  switch (registration) {
    case undefined:
      return <Waiting />;
    case "closed":
      return <Closed />;
    case "invite":
    case "open":
      return <SignUp byInvite={registration === "invite"} />;
  }
}

function Waiting() {
  const refused = useUi((state) => state.view.connection.state === "refused");
  // The banner says why, and what helps.
  if (refused) return null;
  return (
    <p className="flex animate-late items-center gap-2.5 text-base text-muted">
      <LoaderCircle className="size-5 animate-spin text-leaf-text" aria-hidden />
      Waiting for the server…
    </p>
  );
}

/** In the place of the form where it would only be refused. */
function Closed() {
  return (
    <section aria-live="polite">
      <span className="mb-4 flex size-12 items-center justify-center rounded-full bg-leaf-soft text-leaf-text">
        <DoorClosed aria-hidden className="size-6" />
      </span>
      <h2 className="font-display text-2xl font-semibold tracking-tight">Sign-up is closed</h2>
      <p className="mt-2 text-base text-pretty text-muted">
        This server takes no new accounts at the moment. Ask whoever runs it; once it does again, you can join
        here.
      </p>
    </section>
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
