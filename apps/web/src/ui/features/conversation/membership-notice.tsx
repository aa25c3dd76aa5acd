import type { ConversationView } from "@thicket/client/api";
import { DoorOpen, Hourglass, ShieldX, UserX } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/dialog.tsx";
import { Notice } from "../../components/notice.tsx";
import { toastError } from "../../components/toasts.tsx";
import { navigate, openOverlay } from "../../store/navigation.ts";
import { act, useUi } from "../../store/store.ts";
import { errorSentence } from "../../text/error-sentence.ts";
import { personName } from "../../text/names.ts";

/** In place of the composer, where one can't write: why, and what can be done. */
export function MembershipNotice({ conversation }: { conversation: ConversationView }) {
  const people = useUi((state) => state.view.people);
  const { membership, conversationId } = conversation;
  switch (membership.state) {
    case "founding":
    case "member":
      return null;
    case "joining":
      return (
        <Foot>
          <Notice icon={<Hourglass aria-hidden />} title="You're being let in">
            You can write as soon as this device has taken its place in the group.
          </Notice>
        </Foot>
      );
    case "leaving":
      return (
        <Foot>
          <Notice icon={<DoorOpen aria-hidden />} title="You're leaving">
            It is done as soon as a member’s device has confirmed it. Until then messages still arrive.
          </Notice>
        </Foot>
      );
    case "left":
      return (
        <Foot>
          <Notice
            icon={<DoorOpen aria-hidden />}
            title="You left this conversation"
            actions={<Forget conversationId={conversationId} />}
          >
            The history stays on this device. To come back, ask a member to add you.
          </Notice>
        </Foot>
      );
    case "removed":
      return (
        <Foot>
          <Notice
            icon={<UserX aria-hidden />}
            title={`${personName(people, membership.by)} removed you`}
            actions={<Forget conversationId={conversationId} />}
          >
            You can read what came before, but nothing of what follows. To come back, ask an admin to add you.
          </Notice>
        </Foot>
      );
    case "broken": {
      const { sentence, advice } = errorSentence(membership.error);
      return (
        <Foot>
          <Notice
            tone="danger"
            icon={<ShieldX aria-hidden />}
            title="This conversation can't go on here"
            actions={
              <Button look="outline" onClick={() => openOverlay("new")}>
                Start a new group
              </Button>
            }
          >
            {sentence} {advice}
          </Notice>
        </Foot>
      );
    }
  }
}

function Foot({ children }: { children: ReactNode }) {
  return <div className="px-3 pt-1 pb-[calc(0.75rem+env(safe-area-inset-bottom))] md:px-6">{children}</div>;
}

function Forget({ conversationId }: { conversationId: string }) {
  const [asking, setAsking] = useState(false);
  const forget = async () => {
    const reply = await act({ type: "forgetConversation", conversationId });
    if (reply.ok) navigate({ page: "home" }, { replace: true });
    else toastError(reply.error);
    return reply.ok;
  };
  return (
    <>
      <Button look="outline" onClick={() => setAsking(true)}>
        Delete history…
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title="Delete this history?"
        description="All messages of this conversation are deleted from this device. This can't be undone."
        confirm="Delete"
        onConfirm={forget}
      />
    </>
  );
}
