import { bytesToHex } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";
import { diffPastEpoch, loadPastEpoch } from "../group/past-epoch-records.ts";
import { diffGroup, loadGroup } from "../group/records.ts";
import type { Dice } from "./dice.ts";
import { mutateBytes } from "./mutate.ts";
import { Finding } from "./oracle.ts";
import type { Outcome, Run } from "./prepare.ts";

type Records = [string, Uint8Array][];

/** Stored records of a group, some lost, changed, exchanged or of another epoch. */
export async function fuzzGroupRecords({ prepared, dice }: Run): Promise<Outcome> {
  const { bob, alice, welcomed, mallory } = prepared.world;
  const records = mutateRecords(
    diffGroup(undefined, bob).put,
    [alice, welcomed, mallory].flatMap((state) => diffGroup(undefined, state).put),
    dice,
  );
  return load(
    records,
    () => diffGroup(undefined, loadGroup(records, { signatureKey: bob.signatureKey })).put,
  );
}

export async function fuzzPastRecords({ prepared, dice }: Run): Promise<Outcome> {
  const { bob, past } = prepared.world;
  const records = mutateRecords(diffPastEpoch(undefined, past).put, diffGroup(undefined, bob).put, dice);
  return load(records, () => diffPastEpoch(undefined, loadPastEpoch(records, bob)).put);
}

/** What loads is what the records say, and what doesn't is refused by its code. */
function load(records: Records, reload: () => Records): Outcome {
  let again: Records;
  try {
    again = reload();
  } catch (error) {
    if (!(error instanceof MlsError)) throw error;
    if (error.code !== "RECORD_INVALID") throw new Finding(`records are refused with ${error.code}`);
    return { result: "refused", code: error.code };
  }
  const given = new Map(records);
  for (const [key, value] of again) {
    const stored = given.get(key);
    if (stored === undefined) throw new Finding(`a record ${key} out of nothing`);
    if (bytesToHex(stored) !== bytesToHex(value))
      throw new Finding(`the record ${key} was read as something else`);
  }
  return { result: "taken" };
}

function mutateRecords(records: Records, others: Records, dice: Dice): Records {
  let changed = records;
  for (let n = dice.below(3); n >= 0; n--) {
    const at = dice.below(changed.length);
    const [key, value] = changed[at] ?? ["", new Uint8Array()];
    const replace = (by: Uint8Array): Records =>
      changed.map((entry, i) => (i === at ? [entry[0], by] : entry));
    switch (dice.below(5)) {
      case 0:
        changed = changed.filter((_, i) => i !== at);
        break;
      case 1:
        changed = replace(others.find(([name]) => name === key)?.[1] ?? dice.pick(others)[1]);
        break;
      case 2:
        changed = [...changed, dice.pick(others)];
        break;
      case 3:
        changed = replace(dice.pick(changed)[1]);
        break;
      default:
        changed = replace(
          mutateBytes(
            value,
            others.map(([, bytes]) => bytes),
            dice,
          ),
        );
    }
    if (changed.length === 0) break;
  }
  return [...new Map(changed)];
}
