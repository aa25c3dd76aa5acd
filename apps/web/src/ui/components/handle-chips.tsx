import { X } from "lucide-react";
import { type KeyboardEvent, type Ref, useId, useState } from "react";
import { hueOf } from "./avatar.tsx";

/** A handle as entered, and why it won't do if so. */
export interface HandleChip {
  handle: string;
  problem?: string;
}

/** "@Alice " -> "alice": the spelling that handles have; whether it can be one is the engine's to judge. */
export function tidyHandle(typed: string): string {
  return typed.normalize("NFKC").trim().replace(/^@+/, "").toLowerCase();
}

/** A list with what was typed added: several at once if pasted with commas or spaces, each once. */
export function withHandles(chips: readonly HandleChip[], typed: string): HandleChip[] {
  const fresh = typed.split(/[\s,;]+/).map(tidyHandle);
  const known = new Set(chips.map((chip) => chip.handle));
  const added = fresh.filter((handle) => handle !== "" && !known.has(handle) && known.add(handle));
  return [...chips, ...added.map((handle) => ({ handle }))];
}

/** A text field that turns handles into chips: Enter, space or comma adds one, Backspace takes the last one back. */
export function HandleChips(props: {
  chips: HandleChip[];
  draft: string;
  onChange: (chips: HandleChip[], draft: string) => void;
  inputRef?: Ref<HTMLInputElement>;
}) {
  const { chips, draft, onChange, inputRef } = props;
  const id = useId();
  const [spoken, setSpoken] = useState("");

  const add = (typed: string) => {
    const next = withHandles(chips, typed);
    setSpoken(`${next.length} in the list`);
    onChange(next, "");
  };
  const remove = (handle: string) => {
    onChange(
      chips.filter((chip) => chip.handle !== handle),
      draft,
    );
    setSpoken(`${handle} taken out`);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if ((event.key === "Enter" || event.key === "," || event.key === " ") && draft.trim() !== "") {
      event.preventDefault();
      add(draft);
    } else if (event.key === " " || event.key === ",") {
      event.preventDefault();
    } else if (event.key === "Backspace" && draft === "") {
      const last = chips.at(-1);
      if (last) onChange(chips.slice(0, -1), last.handle);
    }
  };

  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-small font-semibold">
        Handles
      </label>
      <div className="flex min-h-12 flex-wrap items-center gap-1.5 rounded-xl border border-line bg-surface px-2.5 py-1.5 focus-within:border-leaf focus-within:outline-2 focus-within:-outline-offset-1 focus-within:outline-leaf">
        <ul aria-label="Chosen people" className="contents">
          {chips.map((chip) => (
            <li
              key={chip.handle}
              className={`flex max-w-full animate-rise items-center rounded-full pl-1 text-small md:py-0.5 font-medium ${chip.problem ? "bg-danger-soft text-danger" : "bg-leaf-soft text-leaf-text"}`}
            >
              <span
                aria-hidden="true"
                data-hue={hueOf(chip.handle)}
                className="hue mr-2 size-6 rounded-full text-center leading-6"
              >
                {chip.handle.charAt(0).toUpperCase()}
              </span>
              <span className="min-w-0 wrap-anywhere">{chip.problem ?? chip.handle}</span>
              <button
                type="button"
                aria-label={`Take out ${chip.handle}`}
                onClick={() => remove(chip.handle)}
                className="ml-0.5 inline-flex size-11 items-center justify-center rounded-full md:size-7"
              >
                <X className="size-3.5" aria-hidden />
              </button>
            </li>
          ))}
        </ul>
        <input
          ref={inputRef}
          id={id}
          value={draft}
          onChange={(event) => {
            const typed = event.target.value;
            if (/[\s,;]/.test(typed.trimStart()) && typed.trim() !== "") add(typed);
            else onChange(chips, typed);
          }}
          onKeyDown={onKeyDown}
          enterKeyHint="enter"
          autoCapitalize="none"
          autoCorrect="off"
          autoComplete="off"
          spellCheck={false}
          placeholder={chips.length === 0 ? "e.g. bob" : ""}
          aria-describedby={`${id}-note`}
          className="h-11 min-w-24 flex-1 md:h-9 bg-transparent px-1 text-base outline-none placeholder:text-muted"
        />
      </div>
      <p id={`${id}-note`} className="mt-1.5 text-small text-muted">
        Press Enter after each one. Only exact handles are found.
      </p>
      <p aria-live="polite" className="sr-only">
        {spoken}
      </p>
    </div>
  );
}
