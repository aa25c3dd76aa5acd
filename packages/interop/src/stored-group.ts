import {
  diffGroup,
  diffPastEpoch,
  type GroupState,
  loadGroup,
  loadPastEpoch,
  type PastEpoch,
  type RecordDiff,
  retireEpoch,
  type SignaturePrivateKey,
} from "@thicket/mls";

/** A member's state beside the records that a store would hold of it, always in step. */
export interface StoredGroup {
  readonly state: GroupState;
  /** Newest first. */
  readonly past: readonly PastEpoch[];
  /** Takes the next state of the same epoch. */
  advance(next: GroupState): void;
  /** Takes the first state of the next epoch and keeps what reads the late texts of this one. */
  enter(next: GroupState): void;
  /** Takes what is left of a past epoch after a late text. */
  advancePast(index: number, next: PastEpoch): void;
  /** Forgets the values and reads them back from the records. */
  reload(): void;
}

type Records = Map<string, Uint8Array>;

/** `pastEpochs`: how many of them are kept. */
export function storeGroup(
  first: GroupState,
  signatureKey: SignaturePrivateKey,
  pastEpochs: number,
): StoredGroup {
  const records: Records = new Map();
  let state = first;
  let past: { records: Records; epoch: PastEpoch }[] = [];
  apply(records, diffGroup(undefined, first));
  const advance = (next: GroupState) => {
    apply(records, diffGroup(state, next));
    state = next;
  };
  return {
    get state() {
      return state;
    },
    get past() {
      return past.map(({ epoch }) => epoch);
    },
    advance,
    enter(next) {
      const epoch = retireEpoch(state, next);
      const kept: Records = new Map();
      apply(kept, diffPastEpoch(undefined, epoch));
      past = [{ records: kept, epoch }, ...past].slice(0, pastEpochs);
      advance(next);
    },
    advancePast(index, next) {
      const entry = past[index];
      if (entry === undefined) throw new RangeError("no such past epoch");
      apply(entry.records, diffPastEpoch(entry.epoch, next));
      entry.epoch = next;
    },
    reload() {
      state = loadGroup(records, { signatureKey });
      let newer: GroupState | PastEpoch = state;
      for (const entry of past) {
        entry.epoch = loadPastEpoch(entry.records, newer);
        newer = entry.epoch;
      }
    },
  };
}

function apply(records: Records, diff: RecordDiff): void {
  for (const key of diff.delete) records.delete(key);
  for (const [key, value] of diff.put) records.set(key, value);
}
