/** A schema of `packages/protocol`, seen through the Standard Schema interface that it offers. */
export interface Schema<T = unknown> {
  readonly "~standard": { validate(value: unknown): Outcome<T> | Promise<Outcome<T>> };
}
type Outcome<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly unknown[] };

export type Parsed<T> = { ok: true; value: T } | { ok: false };

/** What came from the network -> what the schema makes of it. The reasons are left out: they repeat what was sent. */
export function parseWith<T>(schema: Schema<T>, value: unknown): Parsed<T> {
  const outcome = schema["~standard"].validate(value);
  if (outcome instanceof Promise) throw new TypeError("the schemas of the wire are synchronous");
  return outcome.issues ? { ok: false } : { ok: true, value: outcome.value };
}
