import { bytesToHex } from "@noble/hashes/utils.js";
import type { SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import type { GroupState } from "../group/group-state.ts";
import type { PastEpoch } from "../group/past-epoch.ts";
import { diffPastEpoch, loadPastEpoch } from "../group/past-epoch-records.ts";
import { diffGroup, loadGroup } from "../group/records.ts";
import type { RecordDiff } from "../record-diff.ts";

/** Records as a store would hold them. */
type StoredRecords = Map<string, Uint8Array>;

/** A member whose state goes through records at every step, as after a crash. */
export interface StoredMember {
  readonly signatureKey: SignaturePrivateKey;
  readonly records: StoredRecords;
  state: GroupState;
  /** Newest first. */
  past: { records: StoredRecords; epoch: PastEpoch }[];
}

export function storeMember(state: GroupState): StoredMember {
  const member: StoredMember = { signatureKey: state.signatureKey, records: new Map(), state, past: [] };
  applyDiff(member.records, diffGroup(undefined, state));
  return member;
}

/** Stores the next state by its difference, checks that nothing else is needed, and goes on from the records. */
export function advanceMember(member: StoredMember, next: GroupState): void {
  applyDiff(member.records, diffGroup(member.state, next));
  expectSame(member.records, allOf(diffGroup(undefined, next)));
  member.state = loadGroup(member.records, { signatureKey: next.signatureKey });
  expectSame(member.records, allOf(diffGroup(undefined, member.state)));
}

/** Keeps at most `limit` past epochs, each stored as the difference to the one after it. */
export function retireMember(member: StoredMember, past: PastEpoch, limit: number): void {
  const records: StoredRecords = new Map();
  applyDiff(records, diffPastEpoch(undefined, past));
  member.past = [{ records, epoch: past }, ...member.past].slice(0, limit);
  reloadPast(member);
}

export function advancePast(member: StoredMember, index: number, next: PastEpoch): void {
  const entry = member.past[index];
  if (entry === undefined) throw new Error("no such past epoch");
  applyDiff(entry.records, diffPastEpoch(entry.epoch, next));
  entry.epoch = next;
  reloadPast(member);
}

function reloadPast(member: StoredMember): void {
  let newer: GroupState | PastEpoch = member.state;
  for (const entry of member.past) {
    entry.epoch = loadPastEpoch(entry.records, newer);
    newer = entry.epoch;
  }
}

function applyDiff(records: StoredRecords, diff: RecordDiff): void {
  for (const key of diff.delete) {
    if (!records.delete(key)) throw new Error(`${key} is deleted and was never there`);
  }
  for (const [key, value] of diff.put) records.set(key, value);
}

function allOf(diff: RecordDiff): StoredRecords {
  return new Map(diff.put);
}

function expectSame(one: StoredRecords, other: StoredRecords): void {
  const keys = new Set([...one.keys(), ...other.keys()]);
  for (const key of keys) {
    const [a, b] = [one.get(key), other.get(key)];
    if (a === undefined || b === undefined || bytesToHex(a) !== bytesToHex(b)) {
      throw new Error(`the record ${key} is not what the state holds`);
    }
  }
}
