import type { SeededRandom } from "@thicket/delivery-service/testing";

/** What goes wrong once so many operations have been asked. `node` is an index; `share` is of its connections. */
export type Fault = { readonly at: number; readonly node: number } & (
  | { kind: "cut" | "cut-mid-frame"; share: number }
  | { kind: "delay" | "swallow-answers"; share: number; ms: number }
  | { kind: "refuse" | "pause" | "kill" | "stop"; ms: number }
  | { kind: "kill-database" | "kill-redis"; ms: number }
  | { kind: "fill-disk"; ms: number; free: number }
  | { kind: "jump-clock"; seconds: number }
);
type Kind = Fault["kind"];

/** How often each comes in one deal of the deck: all kinds come before any comes anew. */
const DECK: Readonly<Record<Kind, number>> = {
  cut: 4,
  "cut-mid-frame": 3,
  delay: 3,
  "swallow-answers": 4,
  refuse: 1,
  pause: 1,
  kill: 2,
  stop: 1,
  "fill-disk": 1,
  "jump-clock": 2,
  "kill-database": 1,
  "kill-redis": 1,
};
/** What only several nodes have. */
const OF_SEVERAL: ReadonlySet<Kind> = new Set(["kill-database", "kill-redis"]);
/** Operations that one deal is spread over, in a long run. */
const SPREAD = 16_000;
const HOUR = 3600;

/** The faults of a round, from its random source alone. */
export function drawFaults(
  random: SeededRandom,
  options: { operations: number; nodes: number; servers: boolean },
): Fault[] {
  const deck = Object.entries(DECK)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- DECK's keys are the kinds
    .flatMap(([kind, times]): Kind[] => Array.from({ length: times }, () => kind as Kind))
    .filter((kind) => options.servers || !OF_SEVERAL.has(kind));
  const faults: Fault[] = [];
  const deals = Math.max(1, Math.round(options.operations / SPREAD));
  const step = options.operations / (deals * deck.length + 1);
  for (let deal = 0; deal < deals; deal++) {
    for (const kind of shuffled(random, deck)) {
      const at = Math.round((faults.length + 1) * step);
      faults.push(draw(random, kind, { at, node: random.below(options.nodes) }));
    }
  }
  return faults;
}

function draw(random: SeededRandom, kind: Kind, where: { at: number; node: number }): Fault {
  const share = (1 + random.below(10)) / 10;
  switch (kind) {
    case "cut":
    case "cut-mid-frame":
      return { ...where, kind, share };
    case "delay":
      return { ...where, kind, share, ms: 20 + random.below(1500) };
    case "swallow-answers":
      return { ...where, kind, share: share / 2, ms: 20 + random.below(500) };
    case "refuse":
    case "pause":
    case "kill":
    case "stop":
    case "kill-database":
    case "kill-redis":
      return { ...where, kind, ms: 20 + random.below(600) };
    case "fill-disk":
      return { ...where, kind, ms: 200 + random.below(600), free: random.below(64) * 1024 };
    case "jump-clock":
      return { ...where, kind, seconds: random.below(12 * HOUR) - 6 * HOUR };
  }
}

function shuffled<T>(random: SeededRandom, items: readonly T[]): T[] {
  const rest = [...items];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(random.below(rest.length), 1));
  return order;
}
