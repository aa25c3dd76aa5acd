import type { Contender } from "./contender.ts";

/** Milliseconds of each operation at each size, one list per engine: every sample that was taken. */
export type Samples = Record<string, Record<string, number[]>>;

/**
 * Runs every operation of every engine at one group size. The engines take turns sample by sample,
 * so that a slow moment of the machine hits all alike.
 */
export async function measureSize(
  contenders: readonly Contender<unknown, unknown>[],
  size: number,
): Promise<Samples> {
  const samples: Samples = {};
  const groups = new Map<string, { founder: unknown; member: unknown }>();
  const timed = async <T>(operation: string, engine: string, run: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await run();
    ((samples[operation] ??= {})[engine] ??= []).push(performance.now() - started);
    return result;
  };

  const rounds = size >= 1000 ? 1 : size >= 100 ? 3 : 7;
  for (let round = 0; round < rounds; round++) {
    for (const engine of contenders) {
      const joiners: unknown[] = [];
      for (let index = 1; index < size; index++) joiners.push(await engine.joiner(`member ${index}`));
      const made = await timed("create", engine.name, async () => engine.add(await engine.found(), joiners));
      const last = joiners.at(-1);
      const member = await timed("join", engine.name, () => engine.join(made.welcome, last));
      groups.set(engine.name, { founder: made.group, member });
    }
  }
  for (let round = 0; round < 60; round++) {
    const message = new Uint8Array(1024).fill(round);
    for (const engine of contenders) {
      const group = pair(groups, engine.name);
      const sent = await timed("send 1 KiB", engine.name, () => engine.send(group.founder, message));
      const received = await timed("receive 1 KiB", engine.name, () =>
        engine.receive(group.member, sent.message),
      );
      if (received.data.length !== message.length) throw new Error(`${engine.name}: another text came out`);
      groups.set(engine.name, { founder: sent.group, member: received.group });
    }
  }
  for (let round = 0; round < (size >= 1000 ? 5 : 15); round++) {
    for (const engine of contenders) {
      const group = pair(groups, engine.name);
      const made = await timed("commit", engine.name, () => engine.commit(group.founder));
      const member = await timed("process commit", engine.name, () =>
        engine.process(group.member, made.commit),
      );
      groups.set(engine.name, { founder: made.group, member });
    }
  }
  return samples;
}

function pair(groups: ReadonlyMap<string, { founder: unknown; member: unknown }>, name: string) {
  const group = groups.get(name);
  if (!group) throw new Error(`${name} has no group`);
  return group;
}
