import * as v from "valibot";

const hexOf = (length: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * length}}$`)));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** 16 random bytes, lower-case hexadecimal: a person. */
export const AccountId = v.pipe(hexOf(16), v.brand("AccountId"));
export type AccountId = v.InferOutput<typeof AccountId>;

/** 16 random bytes, lower-case hexadecimal: one device of a person; unique only beside its AccountId. */
export const DeviceId = v.pipe(hexOf(16), v.brand("DeviceId"));
export type DeviceId = v.InferOutput<typeof DeviceId>;

/** 32 random bytes, lower-case hexadecimal (LOC-3). */
export const GroupId = v.pipe(hexOf(32), v.brand("GroupId"));
export type GroupId = v.InferOutput<typeof GroupId>;

/** 16 bytes, lower-case hexadecimal: one member device's place in one group. */
export const SeatId = v.pipe(hexOf(16), v.brand("SeatId"));
export type SeatId = v.InferOutput<typeof SeatId>;

/** 16 random bytes, lower-case hexadecimal: one write; the same for every resend of it. */
export const EntryId = v.pipe(hexOf(16), v.brand("EntryId"));
export type EntryId = v.InferOutput<typeof EntryId>;

/** 16 random bytes, lower-case hexadecimal: one waiting Welcome. */
export const WelcomeId = v.pipe(hexOf(16), v.brand("WelcomeId"));
export type WelcomeId = v.InferOutput<typeof WelcomeId>;

/** SHA-256 of a link's secret, lower-case hexadecimal: where the link leads. */
export const LinkId = v.pipe(hexOf(32), v.brand("LinkId"));
export type LinkId = v.InferOutput<typeof LinkId>;

/** An MLS epoch. The wire carries it as a safe integer: 2^53 commits are out of reach. */
export const Epoch = v.pipe(count, v.brand("Epoch"));
export type Epoch = v.InferOutput<typeof Epoch>;

/** Position in a group's log: 1 for the first entry, then one more each, without holes. 0 stands for "before the first". */
export const Seq = v.pipe(count, v.brand("Seq"));
export type Seq = v.InferOutput<typeof Seq>;

/** The seq of the commit that began an epoch; 0 for the first epoch. */
export const Branch = Seq;
export type Branch = Seq;

/** An MLS cipher suite number. */
export const CipherSuiteId = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff));

/** Milliseconds since 1970 UTC. */
export const Timestamp = count;

/** 3 to 32 of a-z 0-9 . _ - beginning and ending with a letter or digit: one script, one spelling. */
export const Handle = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9](?:[a-z0-9._-]{1,30})[a-z0-9]$/),
  v.brand("Handle"),
);
export type Handle = v.InferOutput<typeof Handle>;

/** What a person typed as a handle -> its one spelling, or undefined where it can't be one. A leading @ and upper case are forgiven. */
export function normaliseHandle(typed: string): Handle | undefined {
  const result = v.safeParse(Handle, typed.normalize("NFKC").trim().replace(/^@/, "").toLowerCase());
  return result.success ? result.output : undefined;
}
