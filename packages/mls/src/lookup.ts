/** Up to this many entries a list is searched as it is, which is faster than making a set of it. */
const SHORT = 16;

/**
 * Whether a list holds a value, for asking many times. The lists that capabilities and extensions are made of come from
 * others and may be long: comparing each entry of one with each of another would be quadratic.
 */
export function lookupIn<T extends number | string>(list: readonly T[]): (value: T) => boolean {
  if (list.length <= SHORT) return (value) => list.includes(value);
  const values = new Set(list);
  return (value) => values.has(value);
}
