import type { Target } from "../table.ts";

/** Our own medians by operation: what bounds between sizes are compared with. */
export type OwnFigures = ReadonlyMap<string, number>;

const MESSAGE = { peers: 0.9, floor: 1.2 };

/** What the project asks of an operation; nothing for rows that only show how a figure moves with the size. */
export function targetOf(operation: string, ours: OwnFigures): Target | undefined {
  const message = /^(send|receive) 1 KiB, N = (.*)$/u.exec(operation);
  if (message !== null) {
    const small = `${message[1]} 1 KiB, N = 2`;
    const value = ours.get(small);
    if (message[2] === "2" || value === undefined) return MESSAGE;
    return { ...MESSAGE, other: { atMost: 1.2, name: "N = 2", value } };
  }
  const added = /^add (.*) in one commit$/u.exec(operation);
  if (added !== null) {
    const count = Number(added[1]?.replaceAll(",", ""));
    const thousand = ours.get("add 1,000 in one commit");
    if (count === 1000 || thousand === undefined) return { peers: 0.6 };
    return { other: { atMost: 1.3, name: "linear", value: (thousand * count) / 1000 } };
  }
  return TARGETS.find(([pattern]) => pattern.test(operation))?.[1];
}

const TARGETS: readonly (readonly [RegExp, Target])[] = [
  [/^join, N = 1,000$/u, { peers: 0.5 }],
  [/^process commit, sparse tree, N = 1,000$/u, { peers: 0.4 }],
  [/^process commit, warm tree, N = 1,000$/u, { atMost: 5 }],
  [/^commit, warm tree, N = 1,000$/u, { atMost: 6 }],
  [/^state that a message changes/u, { atMost: 0.2 }],
  [/^its size/u, { atMost: 1024 }],
  [/^strict transaction/u, { floor: 1.3 }],
  [/^engine in the worker/u, { atMost: 45 }],
];
