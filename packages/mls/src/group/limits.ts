import { DEFAULT_RATCHET_LIMITS, type RatchetLimits } from "../schedule/ratchet.ts";
import { dropSkippedKeysBefore, type SecretTree } from "../schedule/secret-tree.ts";

/** How much a member keeps for messages that come late or out of order, and for how long (RFC 9420 §15.3). */
export interface Limits extends RatchetLimits {
  /** How many epochs that have ended can still be read. */
  readonly maxPastEpochs: number;
}

/** 1,000 generations forward, 64 skipped keys per sender, those of application data for 24 hours, 3 past epochs. */
export const DEFAULT_LIMITS: Limits = { ...DEFAULT_RATCHET_LIMITS, maxPastEpochs: 3 };

/** The past epochs to keep, newest first, once `retired` has ended too. What falls off the end is to be erased. */
export function keepPastEpochs<T>(
  retired: T,
  earlier: readonly T[],
  limits: Pick<Limits, "maxPastEpochs"> = DEFAULT_LIMITS,
): T[] {
  return [retired, ...earlier].slice(0, limits.maxPastEpochs);
}

/**
 * A group's state or a past epoch without the skipped application keys that are too old; the same value where none
 * is. The time is in whole ms by any clock that goes forward, the same one at every call. processMessage and openLate
 * do this by themselves where they are given a time; for epochs in which nothing arrives it is for the caller. Keys
 * that were skipped without a time count as too old.
 */
export function dropExpiredKeys<T extends { readonly secretTree: SecretTree }>(
  state: T,
  now: number,
  limits: Pick<Limits, "maxSkippedAge"> = DEFAULT_LIMITS,
): T {
  if (!Number.isSafeInteger(now) || now < 0) throw new RangeError("a time is a whole number of ms");
  const secretTree = dropSkippedKeysBefore(state.secretTree, now - limits.maxSkippedAge);
  return secretTree === state.secretTree ? state : { ...state, secretTree };
}
