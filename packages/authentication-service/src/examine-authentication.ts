import { equalBytes } from "@thicket/mls/public";
import type { AccountId } from "@thicket/protocol";
import { copyDatabase, type DatabaseLocation, examineDatabase, type Finding } from "@thicket/storage";
import { EVENT_KIND, eventHash } from "./append-event.ts";
import { readAsKeys } from "./as-key-file.ts";
import type { Reader } from "./db/access.ts";
import { ACCOUNTS } from "./db/definition.ts";
import { AuthenticationStartError } from "./start-error.ts";

/** Checks the Authentication Service's database and key file and changes nothing, also while a relay runs on them. */
export function examineAuthentication(location: DatabaseLocation, keyFile: string): Promise<Finding[]> {
  return examineDatabase(location, ACCOUNTS, async (reader) => [
    ...(await examineKeys(reader, keyFile)),
    ...(await examineEvents(reader)),
  ]);
}

/** Copies the database, as it is at this moment, also while a relay runs on it. @throws DatabaseStartError */
export function copyAuthentication(from: string, to: string): void {
  copyDatabase(from, to, ACCOUNTS);
}

async function examineKeys({ query }: Reader, keyFile: string): Promise<Finding[]> {
  try {
    const kept = (await readAsKeys(keyFile)) ?? [];
    const used = await query.selectFrom("as_keys").select("public_key").execute();
    const lost = used.filter((row) => !kept.some(({ publicKey }) => equalBytes(publicKey, row.public_key)));
    if (lost.length === 0) return [];
    const sentence = `The key file ${keyFile} doesn't hold the key of this database. Restore it from a backup.`;
    return [{ code: "AS_KEY_LOST", sentence }];
  } catch (error) {
    if (!(error instanceof AuthenticationStartError)) throw error;
    return [{ code: error.code, sentence: error.message }];
  }
}

const PAGE = 500;

/** Every user's events are a chain of hashes without holes, and the last attestation in it is the one that is given out. */
async function examineEvents({ query }: Reader): Promise<Finding[]> {
  const broken = new Set<AccountId>();
  const accounts = await query.selectFrom("accounts").select(["user_id", "attestation"]).execute();
  const current = new Map(accounts.map(({ user_id: userId, attestation }) => [userId, attestation]));
  const newest = new Map<AccountId, Uint8Array>();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- before every id
  let last = { userId: "" as AccountId, seq: 0, hash: new Uint8Array(32) };
  for (;;) {
    const page = await query
      .selectFrom("events")
      .selectAll()
      .where((where) =>
        where.or([
          where("user_id", ">", last.userId),
          where.and([where("user_id", "=", last.userId), where("seq", ">", last.seq)]),
        ]),
      )
      .orderBy("user_id")
      .orderBy("seq")
      .limit(PAGE)
      .execute();
    for (const { user_id: userId, seq, kind, at, body, hash } of page) {
      const before = last.userId === userId ? last : { userId, seq: 0, hash: new Uint8Array(32) };
      const expected = eventHash({ userId, seq, kind, at, body, previous: before.hash });
      if (seq !== before.seq + 1 || !equalBytes(hash, expected)) broken.add(userId);
      if (kind === EVENT_KIND.attested) newest.set(userId, body);
      last = { userId, seq, hash: Uint8Array.from(hash) };
    }
    if (page.length < PAGE) break;
  }
  for (const [userId, attestation] of current) {
    const attested = newest.get(userId);
    if (attested === undefined || !equalBytes(attested, attestation)) broken.add(userId);
  }
  if (broken.size === 0) return [];
  const sentence = `The history of ${broken.size} accounts isn't the unbroken chain that it must be.`;
  return [{ code: "EVENT_CHAIN_BROKEN", sentence }];
}
