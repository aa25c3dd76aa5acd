import { Dialog } from "@base-ui/react/dialog";
import { Search, Settings, SquarePen } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useId, useMemo, useRef, useState } from "react";
import { Avatar } from "../../components/avatar.tsx";
import { closeOverlay, navigate } from "../../store/navigation.ts";
import { useUi } from "../../store/store.ts";
import { accountOf, conversationTitle } from "../../text/names.ts";
import { matchesQuery } from "./matches-query.ts";

interface Choice {
  key: string;
  label: string;
  picture: ReactNode;
  go: () => void;
}

/** Ctrl/Cmd+K: type a few letters, Enter goes there. */
export function Switcher({ open }: { open: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && closeOverlay()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop fixed inset-0 z-30" />
        <Dialog.Popup
          initialFocus={input}
          className="popup fixed inset-x-3 top-[max(0.75rem,env(safe-area-inset-top))] z-40 mx-auto flex max-h-[70dvh] max-w-130 flex-col overflow-hidden rounded-2xl outline-none md:top-[14dvh]"
        >
          <Dialog.Title className="sr-only">Go to a conversation</Dialog.Title>
          <Choices inputRef={input} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Choices({ inputRef }: { inputRef: React.RefObject<HTMLInputElement | null> }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const choices = useChoices(query);
  const id = useId();
  const active = Math.min(at, choices.length - 1);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      choices[active]?.go();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || choices.length === 0) return;
    event.preventDefault();
    const next = (active + step + choices.length) % choices.length;
    setAt(next);
    document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
  };

  return (
    <>
      <div className="flex items-center gap-3 border-b border-line px-4">
        <Search className="size-5 shrink-0 text-muted" aria-hidden />
        <input
          ref={inputRef}
          role="combobox"
          aria-label="Go to a conversation"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={choices.length > 0 ? `${id}-${active}` : undefined}
          aria-autocomplete="list"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
          placeholder="Name of a person or group"
          autoComplete="off"
          spellCheck={false}
          className="h-14 min-w-0 flex-1 bg-transparent text-base outline-none placeholder:text-muted"
        />
        <Dialog.Close className="rounded-md border border-line px-2 py-1 text-tiny text-muted hover:bg-sunken">
          Esc<span className="sr-only">ape: close</span>
        </Dialog.Close>
      </div>
      {/* oxlint-disable jsx-a11y/prefer-tag-over-role -- a combobox of its own: select can't hold an input */}
      <div id={`${id}-list`} role="listbox" aria-label="Where to" className="min-h-0 overflow-y-auto p-2">
        {choices.map((choice, index) => (
          <div
            key={choice.key}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            tabIndex={-1}
            onClick={choice.go}
            onKeyDown={onKeyDown}
            onPointerMove={() => setAt(index)}
            className="flex min-h-12 items-center gap-3 rounded-xl px-3 aria-selected:bg-leaf-soft"
          >
            {choice.picture}
            <span dir="auto" className="min-w-0 flex-1 truncate font-medium">
              {choice.label}
            </span>
          </div>
        ))}
      </div>
    </>
  );
}

function useChoices(query: string): Choice[] {
  const conversations = useUi((state) => state.view.conversations);
  const people = useUi((state) => state.view.people);
  const self = useUi((state) => accountOf(state.view)?.userId ?? "");
  return useMemo(() => {
    const found = Object.values(conversations)
      .toSorted((a, b) => (b.lastItem?.at ?? 0) - (a.lastItem?.at ?? 0))
      .map((conversation): Choice & { words: string } => {
        const label = conversationTitle(conversation, people, self);
        const { conversationId } = conversation;
        const names = conversation.members.map((member) => people[member.userId]?.handle ?? "");
        return {
          key: conversationId,
          label,
          words: [label, ...names].join(" "),
          picture: (
            <Avatar
              id={conversationId}
              name={label}
              size="small"
              shape={conversation.kind === "group" ? "group" : "person"}
            />
          ),
          go: () => navigate({ page: "conversation", conversationId, members: false }, { replace: true }),
        };
      });
    const actions = [
      {
        key: "new",
        label: "New conversation",
        words: "New conversation start group chat",
        picture: <SquarePen className="mx-1 size-5 text-leaf-text" aria-hidden />,
        go: () => navigate({ page: "home", overlay: "new" }, { replace: true }),
      },
      {
        key: "settings",
        label: "Settings",
        words: "Settings account theme",
        picture: <Settings className="mx-1 size-5 text-leaf-text" aria-hidden />,
        go: () => navigate({ page: "settings" }, { replace: true }),
      },
    ];
    return [
      ...found.filter((choice) => matchesQuery(choice.words, query)).slice(0, 30),
      ...actions.filter((choice) => matchesQuery(choice.words, query)),
    ];
  }, [conversations, people, self, query]);
}
