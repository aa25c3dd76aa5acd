export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * The median of what a clock of this tick measured, as it is estimated from grouped data: many samples fall on the
 * middle tick, and where the middle one lies among them says more than the tick itself.
 */
export function medianOfTicks(values: readonly number[], tick: number): number {
  const middle = median(values);
  const below = values.filter((value) => value < middle - tick / 2).length;
  const within = values.filter((value) => Math.abs(value - middle) <= tick / 2).length;
  if (within === 0) return middle; // it lies between two ticks
  return middle + tick * ((values.length / 2 - below) / within - 0.5);
}
