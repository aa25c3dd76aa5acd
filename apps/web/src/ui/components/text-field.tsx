import { type ComponentProps, type ReactNode, useId } from "react";

export type FieldNote = { tone: "help" | "good" | "error"; text: ReactNode };

const TONES = { help: "text-muted", good: "text-leaf-text", error: "text-danger" } as const;

/** One labelled line of text with one note below it: help, success or the error, never two at once. */
export function TextField({
  label,
  note,
  lead,
  ...props
}: Omit<ComponentProps<"input">, "id" | "className"> & {
  label: string;
  note?: FieldNote | undefined;
  lead?: string;
}) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-small font-semibold">
        {label}
      </label>
      <div className="flex h-12 items-center rounded-xl border border-line bg-surface px-3.5 focus-within:border-leaf focus-within:outline-2 focus-within:-outline-offset-1 focus-within:outline-leaf has-[[aria-invalid=true]]:border-danger has-[[aria-invalid=true]]:focus-within:border-danger has-[[aria-invalid=true]]:focus-within:outline-danger">
        {lead && (
          <span aria-hidden="true" className="mr-0.5 text-base text-muted">
            {lead}
          </span>
        )}
        <input
          {...props}
          id={id}
          aria-invalid={note?.tone === "error"}
          aria-describedby={`${id}-note`}
          className="h-full min-w-0 flex-1 bg-transparent text-base outline-none placeholder:text-muted"
        />
      </div>
      <p
        id={`${id}-note`}
        aria-live="polite"
        className={`mt-1.5 min-h-4.5 text-small text-pretty ${TONES[note?.tone ?? "help"]}`}
      >
        {note?.text}
      </p>
    </div>
  );
}
