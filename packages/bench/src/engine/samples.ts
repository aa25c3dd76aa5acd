/** Every sample that was taken: operation, then column of the table, then values in the operation's unit. */
export type Samples = Record<string, Record<string, number[]>>;

export function note(samples: Samples, operation: string, column: string, value: number): void {
  ((samples[operation] ??= {})[column] ??= []).push(value);
}

/** Runs something once and notes its milliseconds. */
export async function timed<T>(
  samples: Samples,
  operation: string,
  column: string,
  run: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const result = await run();
  note(samples, operation, column, performance.now() - started);
  return result;
}

export const named = (operation: string, size: number) => `${operation}, N = ${size.toLocaleString("en-GB")}`;
