import type { Dice } from "./seeded-random.ts";
import type { Trace } from "./trace.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** How one message fares. Latency in ms; the rest are probabilities. */
export interface Conditions {
  latency: readonly [least: number, most: number];
  drop: number;
  duplicate: number;
  /** Taking up to a hundred times as long, so that it arrives after much that was sent later. */
  straggle: number;
}

export const CALM: Conditions = { latency: [1, 5], drop: 0, duplicate: 0, straggle: 0 };
export const ROUGH: Conditions = { latency: [5, 120], drop: 0.04, duplicate: 0.05, straggle: 0.04 };

/** Carries messages late, twice, in another order, or never. */
export interface FaultyNetwork {
  conditions: Conditions;
  /** Sends one message; `arrive` is called for each time that it arrives. */
  carry: (label: string, arrive: () => void) => void;
  /** Late, but neither lost nor doubled: for what a live connection always carries. */
  carryWhole: (label: string, arrive: () => void) => void;
  /** How long something takes that can't be lost, such as opening a connection (ms). */
  latency(): number;
}

export function createFaultyNetwork(deps: { clock: VirtualClock; dice: Dice; trace: Trace }): FaultyNetwork {
  const { clock, dice, trace } = deps;
  const network: FaultyNetwork = {
    conditions: CALM,
    latency() {
      const [least, most] = network.conditions.latency;
      return least + dice.int(most - least + 1);
    },
    carry(label, arrive) {
      const { drop, duplicate, straggle } = network.conditions;
      if (dice.chance(drop)) {
        trace.line(`  lost: ${label}`);
        return;
      }
      const copies = dice.chance(duplicate) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const factor = dice.chance(straggle) ? 1 + dice.int(100) : 1;
        clock.after(network.latency() * factor, arrive);
      }
      if (copies === 2) trace.line(`  twice: ${label}`);
    },
    carryWhole: (_label, arrive) => void clock.after(network.latency(), arrive),
  };
  return network;
}
