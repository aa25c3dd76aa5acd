import type { ReactNode } from "react";

const TONES = {
  leaf: "bg-leaf-soft text-leaf-text",
  plain: "bg-sunken text-muted",
  accent: "bg-accent text-accent-ink",
} as const;

export function Tag(props: { tone?: keyof typeof TONES; children: ReactNode }) {
  return (
    <span
      className={`inline-flex items-center rounded-full px-2 py-0.5 text-tiny font-semibold ${TONES[props.tone ?? "plain"]}`}
    >
      {props.children}
    </span>
  );
}
