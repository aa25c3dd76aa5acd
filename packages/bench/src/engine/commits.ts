import type { Contender } from "./contender.ts";
import { commitFloor, joinFloor, processFloor } from "./floor.ts";
import { commitFrom, forgetKeys, foundSparse, foundWarm, inviteInto } from "./groups.ts";
import { named, type Samples, timed } from "./samples.ts";

/** Joins by Welcome: each sample is another member of the same group, who has met none of the others. */
export async function measureJoins(
  engines: readonly Contender[],
  sizes: readonly number[],
): Promise<Samples> {
  const samples: Samples = {};
  const suite = engines[0]?.suite ?? 1;
  for (const size of sizes) {
    const each = size >= 100 ? 5 : 4;
    const { welcome, guests } = await foundSparse(suite, size, engines, each);
    const floor = await joinFloor(size);
    const operation = named("join", size);
    for (let i = 0; i < each; i++) {
      for (const [at, engine] of engines.entries()) {
        const keys = guests[at * each + i]?.keys;
        await forgetKeys(suite);
        await timed(samples, operation, engine.name, () => engine.join(welcome, keys));
      }
      if (suite === 1) await timed(samples, operation, "floor", floor);
    }
  }
  return samples;
}

/** An empty commit of each engine's member, and the founder's as the members take it, on a sparse tree. */
export async function measureSparse(
  engines: readonly Contender[],
  sizes: readonly number[],
): Promise<Samples> {
  const samples: Samples = {};
  const suite = engines[0]?.suite ?? 1;
  for (const size of sizes) {
    const invited = await foundSparse(suite, size, engines, 1);
    const seats: Seat[] = [];
    for (const { engine, keys } of invited.guests) {
      seats.push({ engine, group: await engine.join(invited.welcome, keys) });
    }
    let { founder } = invited;
    for (let round = 0; round < 7; round++) {
      const made = await commitFrom(founder);
      founder = made.group;
      for (const seat of seats) await takeTurn(samples, `sparse tree`, size, seat, made.commit);
    }
  }
  return samples;
}

const WARM_ROUNDS = 30;

/** The same on a warm tree, with commits from all over the group. */
export async function measureWarm(engines: readonly Contender[], sizes: readonly number[]): Promise<Samples> {
  const samples: Samples = {};
  const suite = engines[0]?.suite ?? 1;
  for (const size of sizes) {
    const warm = await foundWarm(suite, size);
    const branches = [];
    for (const engine of engines) {
      const { founder, welcome, guests } = await inviteInto(warm, engine);
      const seat: Seat = { engine, group: await engine.join(welcome, guests[0]?.keys) };
      branches.push({ seat, founder });
    }
    const path = Math.ceil(Math.log2(size));
    const floors = { commit: await commitFloor(path), process: await processFloor() };
    for (let round = 0; round < WARM_ROUNDS; round++) {
      for (const branch of branches) {
        const committer = 2 + ((round * 389) % (size - 2)); // neither the founder nor the guest
        const made = await commitFrom(warm.seat(branch.founder, committer));
        branch.founder = made.group;
        await takeTurn(samples, `warm tree`, size, branch.seat, made.commit);
      }
      if (suite !== 1) continue;
      await timed(samples, named("commit, warm tree", size), "floor", floors.commit);
      await timed(samples, named("process commit, warm tree", size), "floor", floors.process);
    }
  }
  return samples;
}

interface Seat {
  readonly engine: Contender;
  group: unknown;
}

/** Takes another's commit, and commits; that new epoch is dropped, so that all go on from the other's. */
async function takeTurn(
  samples: Samples,
  tree: string,
  size: number,
  seat: Seat,
  commit: Uint8Array,
): Promise<void> {
  const { engine } = seat;
  const processing = named(`process commit, ${tree}`, size);
  seat.group = await timed(samples, processing, engine.name, () => engine.process(seat.group, commit));
  if (engine.commit === undefined) return;
  await timed(samples, named(`commit, ${tree}`, size), engine.name, async () => engine.commit?.(seat.group));
}
