import type { ComponentProps, ReactNode } from "react";
import { Tooltip } from "@base-ui/react/tooltip";

const LOOKS = {
  primary: "bg-leaf text-leaf-ink hover:bg-leaf-strong",
  plain: "bg-transparent text-leaf-text hover:bg-leaf-soft",
  outline: "border border-line bg-surface text-ink hover:bg-sunken",
  danger: "bg-danger text-danger-ink hover:opacity-90",
  dangerPlain: "bg-transparent text-danger hover:bg-danger-soft",
} as const;

type ButtonProps = ComponentProps<"button"> & { look?: keyof typeof LOOKS; wide?: boolean };

export function Button({ look = "primary", wide = false, className = "", ...props }: ButtonProps) {
  return (
    <button
      type="button"
      {...props}
      className={`inline-flex min-h-11 items-center justify-center gap-2 rounded-xl px-4 text-body font-semibold transition-colors select-none disabled:opacity-55 md:min-h-10 ${wide ? "w-full" : ""} ${LOOKS[look]} ${className}`}
    />
  );
}

/** A button that shows only a picture; its name is spoken and shown on hover. */
export function IconButton({
  label,
  children,
  className = "",
  ...props
}: Omit<ComponentProps<"button">, "children" | "aria-label"> & { label: string; children: ReactNode }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger
        render={
          <button
            type="button"
            {...props}
            aria-label={label}
            className={`inline-flex size-11 shrink-0 items-center justify-center rounded-full text-muted transition-colors hover:bg-leaf-soft hover:text-ink aria-pressed:bg-leaf-soft aria-pressed:text-leaf-text md:size-10 [&_svg]:size-5 ${className}`}
          />
        }
      >
        {children}
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6} className="z-50">
          <Tooltip.Popup className="popup rounded-lg px-2.5 py-1 text-small">{label}</Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
