import { CSPProvider } from "@base-ui/react/csp-provider";
import { Toast } from "@base-ui/react/toast";
import { Tooltip } from "@base-ui/react/tooltip";
import type { ClientError } from "@thicket/client/api";
import { DatabaseZap } from "lucide-react";
import { useEffect } from "react";
import { Button } from "./components/button.tsx";
import { Mark } from "./components/mark.tsx";
import { Toasts, toasts } from "./components/toasts.tsx";
import { ConnectionBanner } from "./connection-banner.tsx";
import { ConversationList } from "./features/conversation-list/conversation-list.tsx";
import { Conversation } from "./features/conversation/conversation.tsx";
import { MembersPanel } from "./features/members/members-panel.tsx";
import { NewConversation } from "./features/new-conversation/new-conversation.tsx";
import { clearInvite } from "./features/onboarding/invite-link.ts";
import { Onboarding } from "./features/onboarding/onboarding.tsx";
import { Settings } from "./features/settings/settings.tsx";
import { Switcher } from "./features/switcher/switcher.tsx";
import type { Route } from "./routes.ts";
import { openOverlay, useRoute } from "./store/navigation.ts";
import { useUi } from "./store/store.ts";
import { errorSentence } from "./text/error-sentence.ts";
import { accountOf } from "./text/names.ts";

export function App() {
  return (
    <CSPProvider disableStyleElements>
      <Tooltip.Provider delay={500}>
        <Toast.Provider toastManager={toasts}>
          <Stage />
          <Toasts />
        </Toast.Provider>
      </Tooltip.Provider>
    </CSPProvider>
  );
}

/** Which of the app's states this is: can't start, starting, before sign-up, or in use. */
function Stage() {
  const account = useUi((state) => state.view.account.state);
  const connection = useUi((state) => state.view.connection);
  switch (account) {
    case "loading":
      return connection.state === "refused" ? <CannotStart error={connection.error} /> : <Starting />;
    case "none":
      return connection.state === "refused" && isStoreError(connection.error) ? (
        <CannotStart error={connection.error} />
      ) : (
        <div className="flex h-dvh flex-col bg-paper">
          <ConnectionBanner onboarding />
          <Onboarding />
        </div>
      );
    case "signedUp":
      return <Shell />;
  }
}

function Shell() {
  const route = useRoute();
  const home = route.page === "home";
  useShortcut();
  useDocumentTitle();
  useEffect(clearInvite, []);
  return (
    <div className="safe-top safe-x flex h-dvh flex-col bg-paper">
      <ConnectionBanner />
      <div className="flex min-h-0 flex-1">
        <nav
          aria-label="Conversations"
          className={`min-h-0 w-full flex-col bg-side md:flex md:w-84 md:shrink-0 md:border-r md:border-line ${home ? "flex" : "hidden"}`}
        >
          <ConversationList />
        </nav>
        <main className={`min-h-0 min-w-0 flex-1 flex-col md:flex ${home ? "hidden" : "flex"}`}>
          <Main route={route} />
        </main>
        {route.page === "conversation" && route.members && (
          <MembersPanel conversationId={route.conversationId} />
        )}
      </div>
      <NewConversation open={route.overlay === "new"} />
      <Switcher open={route.overlay === "find"} />
    </div>
  );
}

function Main({ route }: { route: Route }) {
  switch (route.page) {
    case "conversation":
      return <Conversation conversationId={route.conversationId} members={route.members} />;
    case "settings":
      return <Settings />;
    case "home":
      return <Blank />;
  }
}

/** Beside the list, while nothing is open. */
function Blank() {
  const empty = useUi((state) => Object.keys(state.view.conversations).length === 0);
  const handle = useUi((state) => accountOf(state.view)?.handle);
  return (
    <div className="m-auto max-w-88 p-6 text-center">
      <Mark className="mx-auto size-20 opacity-80" />
      <p className="mt-4 font-display text-lg font-semibold">
        {empty ? `Welcome, ${handle}` : "Pick a conversation"}
      </p>
      {empty ? (
        <p className="mt-1 text-small text-muted">
          This is where you’ll read and write. Tell others your handle, or invite them by theirs.
        </p>
      ) : (
        <p className="mt-1 text-small text-muted">
          or go anywhere with <Key>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl"}</Key>{" "}
          <Key>K</Key>
        </p>
      )}
    </div>
  );
}

function Key({ children }: { children: string }) {
  return (
    <kbd className="rounded-md border border-line bg-surface px-1.5 py-0.5 font-sans text-tiny">
      {children}
    </kbd>
  );
}

function Starting() {
  return (
    <main aria-busy="true" className="flex h-dvh items-center justify-center bg-paper">
      <Mark className="size-20 animate-breathe" />
      <p className="sr-only">Opening Thicket</p>
    </main>
  );
}

/** Never a silent fresh start: what is missing is said, and nothing is made or overwritten. */
function CannotStart({ error }: { error: ClientError }) {
  const { sentence, advice } = errorSentence(error);
  return (
    <main className="safe-x flex h-dvh overflow-y-auto bg-paper p-6">
      <div className="m-auto max-w-100 text-center">
        <DatabaseZap className="mx-auto size-12 text-danger" strokeWidth={1.4} aria-hidden />
        <h1 className="mt-5 font-display text-2xl font-semibold">Thicket can’t open here</h1>
        <p className="mt-3 text-lead">{sentence}</p>
        {advice && <p className="mt-2 text-muted">{advice}</p>}
        <Button className="mt-6" onClick={() => location.reload()}>
          Reload
        </Button>
      </div>
    </main>
  );
}

function isStoreError(error: ClientError): boolean {
  return error.code.startsWith("STORE_");
}

/** Ctrl+K or Cmd+K opens the switcher from anywhere. */
function useShortcut() {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (
        event.key.toLowerCase() !== "k" ||
        !(event.ctrlKey || event.metaKey) ||
        event.shiftKey ||
        event.altKey
      )
        return;
      event.preventDefault();
      openOverlay("find");
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

function useDocumentTitle() {
  const unread = useUi((state) =>
    Object.values(state.view.conversations).reduce((sum, conversation) => sum + conversation.unread, 0),
  );
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Thicket` : "Thicket";
  }, [unread]);
}
