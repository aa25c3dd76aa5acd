import type { Contender } from "./contender.ts";
import { fillers } from "./groups.ts";
import { type Samples, timed } from "./samples.ts";

/** Above this number only our own engine takes part. */
const PEERS_UP_TO = 1000;

/** A group of one adds so many in one commit, with its Welcome. Up to 1,000 no key package is used twice by one engine. */
export async function measureAdds(
  engines: readonly Contender[],
  counts: readonly number[],
): Promise<Samples> {
  const samples: Samples = {};
  for (const count of counts) {
    const rounds = count > PEERS_UP_TO ? 2 : 3;
    const pool = await fillers(1, Math.max(count, rounds * PEERS_UP_TO));
    for (let round = 0; round < rounds; round++) {
      const from = count > PEERS_UP_TO ? 0 : round * count;
      const messages = pool.slice(from, from + count).map(({ message }) => message);
      for (const engine of count > PEERS_UP_TO ? engines.slice(0, 1) : engines) {
        const add = await engine.found?.(messages);
        if (add === undefined) continue;
        await timed(samples, `add ${count.toLocaleString("en-GB")} in one commit`, engine.name, add);
      }
    }
  }
  return samples;
}
