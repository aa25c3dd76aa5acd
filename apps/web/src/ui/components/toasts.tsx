import { Toast } from "@base-ui/react/toast";
import type { ClientError } from "@thicket/client/api";
import { CircleAlert, Info, X } from "lucide-react";
import { errorSentence } from "../text/error-sentence.ts";

export const toasts = Toast.createToastManager();

/** Says what went wrong; the same thing again refreshes its toast instead of stacking another. */
export function toastError(error: ClientError): void {
  const { sentence, advice } = errorSentence(error);
  toasts.add({
    id: `${error.code}/${error.subject ?? ""}`,
    type: "error",
    title: sentence,
    description: advice,
    timeout: 12_000,
    priority: "high",
  });
}

export function Toasts() {
  return (
    <Toast.Portal>
      <Toast.Viewport className="pointer-events-none fixed inset-x-4 top-[calc(1rem+env(safe-area-inset-top))] z-50 flex flex-col gap-2 md:inset-x-auto md:top-auto md:bottom-4 md:left-4 md:w-76">
        <List />
      </Toast.Viewport>
    </Toast.Portal>
  );
}

function List() {
  const { toasts: list } = Toast.useToastManager();
  return list.map((toast) => (
    // Base UI makes each toast a dialog; for a note that takes no focus, group is what it is.
    <Toast.Root
      key={toast.id}
      toast={toast}
      // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- no tag fits
      role="group"
      swipeDirection={["up", "left"]}
      className="toast popup pointer-events-auto flex items-start gap-3 rounded-2xl p-4"
    >
      {toast.type === "error" ? (
        <CircleAlert className="mt-0.5 size-5 shrink-0 text-danger" aria-hidden />
      ) : (
        <Info className="mt-0.5 size-5 shrink-0 text-leaf-text" aria-hidden />
      )}
      <Toast.Content className="min-w-0 flex-1">
        <Toast.Title className="text-body font-semibold" />
        <Toast.Description className="mt-0.5 text-small text-muted" />
        <Toast.Action className="mt-2 inline-flex min-h-9 items-center rounded-lg bg-leaf px-3 text-small font-semibold text-leaf-ink hover:bg-leaf-strong" />
      </Toast.Content>
      <Toast.Close
        aria-label="Dismiss"
        className="-m-2 inline-flex size-9 shrink-0 items-center justify-center rounded-full text-muted hover:bg-leaf-soft"
      >
        <X className="size-4" aria-hidden />
      </Toast.Close>
    </Toast.Root>
  ));
}
