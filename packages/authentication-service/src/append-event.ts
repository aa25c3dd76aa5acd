import { createHash } from "node:crypto";
import { codec, encode } from "@thicket/mls/public";
import { type AccountId, fromHex } from "@thicket/protocol";
import type { Transaction } from "./db/access.ts";

/** What an event's body is. Numbers are stored: never reuse one. */
export const EVENT_KIND = {
  /** An encoded attestation: the first makes the account. */
  attested: 1,
  /** An encoded device certificate. */
  device: 2,
} as const;

/**
 * Appends to the user's chain. Each hash covers the one before it, so that a key-transparency log can later be laid
 * over what was written from the first day on, and nothing can be slipped in or left out unseen.
 */
export async function appendEvent(
  tx: Transaction,
  userId: AccountId,
  event: { kind: number; at: number; body: Uint8Array },
): Promise<void> {
  const last = await tx.query
    .selectFrom("events")
    .select(["seq", "hash"])
    .where("user_id", "=", userId)
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  const seq = (last?.seq ?? 0) + 1;
  const hash = eventHash({ userId, seq, ...event, previous: last?.hash ?? new Uint8Array(32) });
  await tx.change
    .insertInto("events")
    .values({ user_id: userId, seq, ...event, hash })
    .execute();
}

/** SHA-256 of `struct { label<V>; user_id[16]; uint32 seq; uint8 kind; uint64 at; body<V>; previous[32]; }`. */
export function eventHash(event: {
  userId: AccountId;
  seq: number;
  kind: number;
  at: number;
  body: Uint8Array;
  /** 32 zero bytes for the first. */
  previous: Uint8Array;
}): Uint8Array {
  const hashed = encode(form, {
    ...event,
    label: LABEL,
    userId: fromHex(event.userId),
    at: BigInt(event.at),
  });
  return Uint8Array.from(createHash("sha256").update(hashed).digest());
}

const LABEL = new TextEncoder().encode("Thicket 1.0 account event");
const form = codec.struct({
  label: codec.opaque,
  userId: codec.fixed(16),
  seq: codec.u32,
  kind: codec.u8,
  at: codec.u64,
  body: codec.opaque,
  previous: codec.fixed(32),
});
