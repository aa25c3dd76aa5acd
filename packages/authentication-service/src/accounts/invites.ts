import { createHash } from "node:crypto";
import type { Random } from "@thicket/mls/public";
import type { DatabaseLocation } from "@thicket/storage";
import type { Transaction } from "../db/access.ts";
import { openDatabase } from "../db/database.ts";

/** Guessed by nobody, and short enough for a link. */
const CODE_BYTES = 16;
const DAY_SECONDS = 86_400;

const hashOf = (code: string) => Uint8Array.from(createHash("sha256").update(code).digest());

/**
 * Makes a code with which so many people may sign up within so many days, beside a service that runs or not. Only its
 * hash is kept. @throws DatabaseStartError
 */
export async function createInvite(options: {
  database: DatabaseLocation;
  uses: number;
  days: number;
  /** Milliseconds since 1970 UTC. */
  now: () => number;
  random: Random;
}): Promise<string> {
  const code = Buffer.from(options.random.bytes(CODE_BYTES)).toString("base64url");
  let failure: unknown;
  const database = await openDatabase({
    location: options.database,
    defer: undefined,
    onFault: (error) => {
      failure = error;
    },
  });
  try {
    const seconds = Math.floor(options.now() / 1000);
    const kept = await database.write(async (tx) => {
      // What nobody can use any more needn't be kept.
      await tx.change.deleteFrom("invites").where("expires_at", "<=", seconds).execute();
      const expiresAt = seconds + options.days * DAY_SECONDS;
      await tx.change
        .insertInto("invites")
        .values({ code_hash: hashOf(code), uses_left: options.uses, expires_at: expiresAt })
        .execute();
      return { ok: true };
    });
    if (!kept.ok) throw new Error(`the invitation was not kept: ${kept.error.code}`, { cause: failure });
    return code;
  } finally {
    await database.close();
  }
}

/** Uses the code up once -> whether it could be. Part of the transaction that makes the account. */
export async function useInvite(tx: Transaction, code: string, seconds: number): Promise<boolean> {
  const { numUpdatedRows } = await tx.change
    .updateTable("invites")
    .set((column) => ({ uses_left: column("uses_left", "-", 1) }))
    .where("code_hash", "=", hashOf(code))
    .where("uses_left", ">", 0)
    .where("expires_at", ">", seconds)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
