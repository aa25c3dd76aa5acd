import { Menu } from "@base-ui/react/menu";
import type { ConversationView, MemberView } from "@thicket/client/api";
import { EllipsisVertical, Shield, ShieldOff, UserMinus } from "lucide-react";
import { useState } from "react";
import { ConfirmDialog } from "../../components/dialog.tsx";
import { toastError } from "../../components/toasts.tsx";
import { act } from "../../store/store.ts";

const item =
  "flex min-h-11 items-center gap-3 rounded-lg px-3 outline-none data-highlighted:bg-leaf-soft [&_svg]:size-4.5";

/** What one may do about a member; nothing is shown where that is nothing. */
export function MemberActions(props: { member: MemberView; conversation: ConversationView; name: string }) {
  const { member, conversation, name } = props;
  const { conversationId, may } = conversation;
  const [asking, setAsking] = useState(false);
  const mayRemove = may.remove && conversation.kind === "group";
  const maySetAdmin = may.setAdmin && conversation.kind === "group";
  if (!mayRemove && !maySetAdmin) return null;

  const setAdmin = async () => {
    const reply = await act({
      type: "setAdmin",
      conversationId,
      userId: member.userId,
      admin: !member.admin,
    });
    if (!reply.ok) toastError(reply.error);
  };
  const remove = async () => {
    const reply = await act({ type: "removeMember", conversationId, userId: member.userId });
    if (!reply.ok) toastError(reply.error);
    return reply.ok;
  };
  return (
    <>
      <Menu.Root>
        <Menu.Trigger
          aria-label={`Actions for ${name}`}
          className="inline-flex size-11 shrink-0 items-center justify-center rounded-full text-muted hover:bg-leaf-soft hover:text-ink data-popup-open:bg-leaf-soft md:size-10"
        >
          <EllipsisVertical className="size-5" aria-hidden />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner sideOffset={4} align="end" className="z-40 outline-none">
            <Menu.Popup className="popup min-w-52 rounded-2xl p-1.5 outline-none">
              {maySetAdmin && (
                <Menu.Item className={item} onClick={() => void setAdmin()}>
                  {member.admin ? <ShieldOff aria-hidden /> : <Shield aria-hidden />}
                  {member.admin ? "Take admin rights away" : "Make admin"}
                </Menu.Item>
              )}
              {mayRemove && (
                <Menu.Item
                  className={`${item} text-danger data-highlighted:bg-danger-soft`}
                  onClick={() => setAsking(true)}
                >
                  <UserMinus aria-hidden />
                  Remove from group
                </Menu.Item>
              )}
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={`Remove ${name}?`}
        description={`${name} can't read anything that is sent from then on, but keeps what was already received.`}
        confirm="Remove"
        onConfirm={remove}
      />
    </>
  );
}
