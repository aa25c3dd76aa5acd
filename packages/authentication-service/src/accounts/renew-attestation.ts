import { encodeAttestation, readAttestation } from "@thicket/credential";
import { equalBytes } from "@thicket/mls/public";
import { type AccountId, type AuthenticationReply, fromHex } from "@thicket/protocol";
import { EVENT_KIND, appendEvent } from "../append-event.ts";
import { attest } from "../attest.ts";
import { refuse } from "@thicket/storage";
import type { ServiceContext } from "../service-context.ts";

/** Younger attestations are given out again, so that asking often doesn't grow the account's history. */
const FRESH_SECONDS = 24 * 60 * 60;

/** A fresh attestation of the same handle and root. Refuses with NOT_LOGGED_IN where there is no such account. */
export async function renewAttestation(
  { database, keys, seconds }: ServiceContext,
  userId: AccountId,
): Promise<AuthenticationReply<"attestation.renew">> {
  return database.write(async (tx) => {
    // Of two nodes that are asked at once the second finds what the first has signed.
    await tx.lock(userId);
    const account = await tx.query
      .selectFrom("accounts")
      .selectAll()
      .where("user_id", "=", userId)
      .executeTakeFirst();
    if (account === undefined) return refuse("NOT_LOGGED_IN");
    const at = seconds();
    const current = readAttestation(account.attestation);
    // An attestation by a key that has since been replaced is renewed at once.
    const isCurrent = current.ok && equalBytes(current.value.asKeyId, keys[0].keyId);
    if (isCurrent && at - account.attested_at < FRESH_SECONDS)
      return { ok: true, attestation: account.attestation };
    const signed = await attest(keys[0], at, {
      userId: fromHex(userId),
      handle: account.handle,
      rootKey: account.root_key,
      rootSeq: 0,
    });
    const attestation = Uint8Array.from(encodeAttestation(signed));
    await tx.change
      .updateTable("accounts")
      .set({ attestation, attested_at: at })
      .where("user_id", "=", userId)
      .execute();
    await appendEvent(tx, userId, { kind: EVENT_KIND.attested, at, body: attestation });
    return { ok: true, attestation };
  });
}
