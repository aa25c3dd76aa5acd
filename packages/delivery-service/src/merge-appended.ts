import type { Effect } from "./outcome.ts";

type AppendedEffect = Extract<Effect, { kind: "appended" }>;

/** So many bytes of messages at most are told at once: a listener is sent no more than it can take in one go. */
const MOST = 256 * 1024;

/**
 * What one batch has appended to a group, as one effect: told and sent once instead of entry by entry. Entries keep
 * their order, and nothing passes what changes who listens.
 */
export function mergeAppended(effects: readonly Effect[]): readonly Effect[] {
  if (effects.length < 2) return effects;
  const merged: Effect[] = [];
  /** By group, what later entries can be added to: its place in `merged`, and its bytes. */
  const open = new Map<string, { at: number; bytes: number }>();
  for (const effect of effects) {
    if (effect.kind !== "appended") {
      if (!PASSED.has(effect.kind)) open.clear();
      merged.push(effect);
      continue;
    }
    const bytes = sizeOf(effect);
    const last = open.get(effect.groupId);
    const into = last === undefined ? undefined : merged[last.at];
    if (last !== undefined && into?.kind === "appended" && isForAll(effect) && last.bytes + bytes <= MOST) {
      merged[last.at] = { ...into, entries: [...into.entries, ...effect.entries] };
      last.bytes += bytes;
      continue;
    }
    if (isForAll(effect)) open.set(effect.groupId, { at: merged.length, bytes });
    else open.delete(effect.groupId);
    merged.push(effect);
  }
  return merged;
}

/** Says nothing of who listens. */
const PASSED: ReadonlySet<Effect["kind"]> = new Set<Effect["kind"]>([
  "acked",
  "held",
  "welcome",
  "keyPackagesLow",
]);

function isForAll({ hiddenFrom, alsoTo, unseated, seated }: AppendedEffect): boolean {
  return [hiddenFrom, alsoTo, unseated, seated].every(({ length }) => length === 0);
}

function sizeOf({ entries }: AppendedEffect): number {
  return entries.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
