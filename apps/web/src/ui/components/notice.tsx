import type { ReactNode } from "react";

/** A state that stays: what it is, what it means, and what can be done. */
export function Notice(props: {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  tone?: "plain" | "danger";
}) {
  const tone = props.tone === "danger" ? "bg-danger-soft text-danger" : "bg-leaf-soft text-leaf-text";
  return (
    <div className="mx-auto flex w-full max-w-160 items-start gap-3 rounded-2xl border border-line bg-surface p-4">
      <span
        className={`inline-flex size-9 shrink-0 items-center justify-center rounded-full [&_svg]:size-4.5 ${tone}`}
      >
        {props.icon}
      </span>
      <div className="min-w-0 flex-1">
        <p className="text-body font-semibold">{props.title}</p>
        {props.children && <div className="mt-0.5 text-small text-muted">{props.children}</div>}
        {props.actions && <div className="mt-3 flex flex-wrap gap-2">{props.actions}</div>}
      </div>
    </div>
  );
}
