import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import { type ReactNode, type RefObject, useState } from "react";
import { Button } from "./button.tsx";

const backdrop = "backdrop fixed inset-0 z-30";

/** A titled dialog: a sheet from below on phones, a card in the middle elsewhere. Escape and Back close it. */
export function Dialog(props: {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  initialFocus?: RefObject<HTMLElement | null>;
  children: ReactNode;
}) {
  return (
    <BaseDialog.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className={backdrop} />
        <BaseDialog.Popup
          {...(props.initialFocus ? { initialFocus: props.initialFocus } : {})}
          className="popup fixed inset-x-0 bottom-0 z-40 flex max-h-[92dvh] flex-col rounded-t-3xl outline-none md:inset-x-auto md:top-[12dvh] md:bottom-auto md:left-1/2 md:-ml-60 md:max-h-[76dvh] md:w-120 md:rounded-3xl"
        >
          <div className="flex items-start gap-3 px-6 pt-5 pb-1">
            <div className="min-w-0 flex-1 pt-1">
              <BaseDialog.Title className="font-display text-xl/7 font-semibold">
                {props.title}
              </BaseDialog.Title>
              {props.description && (
                <BaseDialog.Description className="mt-1 text-body text-muted" render={<div />}>
                  {props.description}
                </BaseDialog.Description>
              )}
            </div>
            <BaseDialog.Close
              aria-label="Close"
              className="-mr-3 inline-flex size-11 shrink-0 items-center justify-center rounded-full text-muted hover:bg-leaf-soft hover:text-ink"
            >
              <X className="size-5" aria-hidden />
            </BaseDialog.Close>
          </div>
          <div className="min-h-0 flex-1 overflow-y-auto px-6 pt-3 pb-[calc(1.5rem+env(safe-area-inset-bottom))]">
            {props.children}
          </div>
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}

/** Asks before something that can't be undone. `onConfirm` resolves to whether it may close. */
export function ConfirmDialog(props: {
  open: boolean;
  onClose: () => void;
  title: string;
  description: ReactNode;
  confirm: string;
  onConfirm: () => Promise<boolean>;
}) {
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    const done = await props.onConfirm();
    setBusy(false);
    if (done) props.onClose();
  };
  return (
    <AlertDialog.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={backdrop} />
        <AlertDialog.Popup className="popup fixed inset-x-4 top-[28dvh] z-40 mx-auto max-w-100 rounded-3xl p-6 outline-none">
          <AlertDialog.Title className="font-display text-xl/7 font-semibold">
            {props.title}
          </AlertDialog.Title>
          <AlertDialog.Description className="mt-2 text-body text-muted">
            {props.description}
          </AlertDialog.Description>
          <div className="mt-6 flex flex-wrap justify-end gap-2">
            <AlertDialog.Close render={<Button look="outline" />}>Cancel</AlertDialog.Close>
            <Button look="danger" disabled={busy} onClick={() => void confirm()}>
              {props.confirm}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
