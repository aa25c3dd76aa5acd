import type { ConversationView, MemberView } from "@thicket/client/api";
import { LogOut, PencilLine, UserPlus, X } from "lucide-react";
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Avatar } from "../../components/avatar.tsx";
import { Button, IconButton } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/dialog.tsx";
import { Tag } from "../../components/tag.tsx";
import { toastError } from "../../components/toasts.tsx";
import { goBack } from "../../store/navigation.ts";
import { act, useUi } from "../../store/store.ts";
import { accountOf, conversationTitle, personName } from "../../text/names.ts";
import { AddPeople } from "./add-people.tsx";
import { GroupCode } from "./group-code.tsx";
import { MemberActions } from "./member-actions.tsx";
import { RenameGroup } from "./rename-group.tsx";

/** Who is in the conversation and what may be done about it. */
export function MembersPanel({ conversationId }: { conversationId: string }) {
  const conversation = useUi((state) => state.view.conversations[conversationId]);
  const panel = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const close = useCallback(
    () => goBack({ page: "conversation", conversationId, members: false }),
    [conversationId],
  );
  useEffect(() => {
    // Escape in a menu or dialog of the panel closes that one only: those live outside of it.
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (event.target instanceof Node && panel.current?.contains(event.target)) close();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [close]);
  // Whoever opens it goes in, and comes back out to where they were: else the focus would be lost with the panel.
  // Before the panel is gone from the page only a layout effect's cleanup runs.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const element = panel.current;
    if (!(opener instanceof HTMLElement) || opener === document.body) return;
    heading.current?.focus({ preventScroll: true });
    return () => {
      if (element?.contains(document.activeElement)) opener.focus({ preventScroll: true });
    };
  }, []);
  if (!conversation) return null;
  return (
    <aside
      aria-label="Members"
      ref={panel}
      className="safe-top fixed inset-0 z-20 flex animate-rise flex-col overflow-hidden bg-side md:left-auto md:w-84 md:border-l md:border-line md:shadow-float lg:static lg:z-auto lg:shadow-none"
    >
      <header className="flex min-h-16 items-center gap-2 border-b border-line py-2 pr-2 pl-5">
        <h2 ref={heading} tabIndex={-1} className="flex-1 text-base font-semibold outline-none">
          Members
        </h2>
        <IconButton label="Close panel" onClick={close}>
          <X aria-hidden />
        </IconButton>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto pb-[calc(1.5rem+env(safe-area-inset-bottom))]">
        <Contents key={conversationId} conversation={conversation} />
      </div>
    </aside>
  );
}

function Contents({ conversation }: { conversation: ConversationView }) {
  const people = useUi((state) => state.view.people);
  const self = useUi((state) => accountOf(state.view)?.userId ?? "");
  const [dialog, setDialog] = useState<"add" | "rename" | "leave">();
  const { conversationId, may, kind } = conversation;
  const title = conversationTitle(conversation, people, self);
  const member = conversation.membership.state === "member";
  const closeDialog = () => setDialog(undefined);

  return (
    <>
      <div className="flex flex-col items-center px-5 pt-6 pb-4 text-center">
        <Avatar id={conversationId} name={title} size="huge" shape={kind === "group" ? "group" : "person"} />
        <p dir="auto" className="mt-3 font-display text-lg/6 font-semibold wrap-anywhere">
          {title}
        </p>
        <p className="text-small text-muted">
          {kind === "direct" ? "Private chat of two" : count(conversation.members.length)}
        </p>
        {may.rename && kind === "group" && (
          <Button look="plain" className="mt-1" onClick={() => setDialog("rename")}>
            <PencilLine className="size-4" aria-hidden />
            Rename
          </Button>
        )}
      </div>
      {may.add && (
        <div className="px-3">
          <PanelButton icon={<UserPlus />} onClick={() => setDialog("add")}>
            Add people
          </PanelButton>
        </div>
      )}
      <ul aria-label="Members" className="px-3">
        {sortMembers(conversation.members, self, (id) => personName(people, id)).map((each) => (
          <Member
            key={each.userId}
            member={each}
            conversation={conversation}
            name={personName(people, each.userId)}
            self={self}
          />
        ))}
      </ul>
      {member && (
        <div className="mt-2 border-t border-line px-3 pt-2">
          <PanelButton icon={<LogOut />} danger onClick={() => setDialog("leave")}>
            Leave
          </PanelButton>
        </div>
      )}
      {(member || conversation.membership.state === "leaving") && <GroupCode conversation={conversation} />}
      <AddPeople open={dialog === "add"} onClose={closeDialog} conversationId={conversationId} />
      <RenameGroup open={dialog === "rename"} onClose={closeDialog} conversation={conversation} />
      <ConfirmDialog
        open={dialog === "leave"}
        onClose={closeDialog}
        title={`Leave ${title}?`}
        description="You stop receiving messages; what you have stays on this device. To come back somebody has to add you."
        confirm="Leave"
        onConfirm={async () => {
          const reply = await act({ type: "leaveConversation", conversationId });
          if (!reply.ok) toastError(reply.error);
          return reply.ok;
        }}
      />
    </>
  );
}

function Member(props: { member: MemberView; conversation: ConversationView; name: string; self: string }) {
  const { member, name } = props;
  const own = member.userId === props.self;
  return (
    <li data-member-handle={name} className="flex min-h-14 items-center gap-3 rounded-xl px-2 py-1.5">
      <Avatar id={member.userId} name={name} />
      <span className="min-w-0 flex-1">
        <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="truncate font-medium">{name}</span>
          {own && <span className="text-small text-muted">you</span>}
          {member.admin && <Tag tone="leaf">Admin</Tag>}
          {member.invited && <Tag>Invited</Tag>}
          {member.leaving && <Tag>Leaving</Tag>}
        </span>
        {member.devices.length > 1 && (
          <span className="block text-small text-muted">{member.devices.length} devices</span>
        )}
      </span>
      {!own && <MemberActions member={member} conversation={props.conversation} name={name} />}
    </li>
  );
}

function PanelButton(props: { icon: ReactNode; danger?: boolean; onClick: () => void; children: ReactNode }) {
  const tone = props.danger ? "text-danger hover:bg-danger-soft" : "text-leaf-text hover:bg-leaf-soft";
  return (
    <button
      type="button"
      onClick={props.onClick}
      className={`flex min-h-12 w-full items-center gap-3 rounded-xl px-2 text-left font-semibold transition-colors ${tone}`}
    >
      <span className="inline-flex size-10 shrink-0 items-center justify-center [&_svg]:size-5">
        {props.icon}
      </span>
      {props.children}
    </button>
  );
}

/** Oneself first, then admins, then by name. */
function sortMembers(
  members: readonly MemberView[],
  self: string,
  name: (id: string) => string,
): MemberView[] {
  const rank = (member: MemberView) => (member.userId === self ? 0 : member.admin ? 1 : 2);
  return members.toSorted((a, b) => rank(a) - rank(b) || name(a.userId).localeCompare(name(b.userId)));
}

function count(members: number): string {
  return members === 1 ? "1 person" : `${members} people`;
}
