import { cpSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { createGroup, type Group, inTurns } from "./groups.ts";
import { type Account, signUp } from "./people.ts";
import { logIn, measureThroughput, type Sender, SENDERS, senderOver } from "./senders.ts";
import type { ServerProcess } from "./server-process.ts";
import { fieldOf, type Session } from "./session.ts";
import { type DataDirectory, startRelay } from "./start-relay.ts";

/** As many entries as two pages need: as good as empty. */
const SHORT = 1000;
const PAGE = 256;
/** Bytes of a message here: ten million of them must fit on any disk. */
const SMALL = 64;

interface Founded {
  account: Account;
  group: Group;
}

/** A group with one short log. The relay is stopped again. */
export async function makeShortLog(data: DataDirectory): Promise<Founded> {
  const server = await startRelay(data);
  const account = await signUp(server.port);
  const session = await logIn(account, server.port);
  const group = await createGroup(session);
  const sender = senderOver(session, group, group.founder, SMALL);
  await inTurns(SHORT, () => new Promise<void>(sender.write));
  session.webSocket.close();
  await server.stop();
  return { account, group };
}

/**
 * A copy of the short log's data in which the one group has `length` entries. They are written by SQL, as the last
 * entry again and again: asking for ten million appends would take an hour. The keys that recognise resends are spread
 * over all keys as hashes are.
 */
export function makeLongLog(short: DataDirectory, long: DataDirectory, length: number): void {
  cpSync(short.path, long.path, { recursive: true });
  // Nothing here must outlive a crash, and the rows refer to a group that is there.
  const database = new DatabaseSync(long.database, { enableForeignKeyConstraints: false, defensive: false });
  database.exec(`
    PRAGMA journal_mode = DELETE;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -262144;
  `);
  const more = length - SHORT;
  const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${more})`;
  const spread = Math.floor(2 ** 32 / more);
  const changed: Readonly<Record<string, string>> = {
    seq: `${SHORT} + n`,
    resend_key: `unhex(printf('%08x%056x', n * ${spread}, n))`,
  };
  const columns = database.prepare("SELECT name FROM pragma_table_info('entries')").all();
  const names = columns.map(({ name }) => String(name));
  const values = names.map((name) => changed[name] ?? `last.${name}`);
  database.exec(`
    BEGIN;
    INSERT INTO entries (${names.join(", ")})
    ${numbers} SELECT ${values.join(", ")} FROM numbers, (SELECT * FROM entries WHERE seq = ${SHORT}) AS last;
    UPDATE groups SET head_seq = ${length};
    UPDATE epochs SET last_seq = ${length};
    COMMIT;
  `);
  database.close();
}

/** A relay on one of the logs, with those who write and one who reads. */
export interface LogBench {
  readonly server: ServerProcess;
  /** -> milliseconds for each append, with all senders writing. */
  append(seconds: number): Promise<number>;
  /** -> milliseconds to a page somewhere in the log. */
  readPage(): Promise<number>;
  readonly close: () => void;
}

export async function openLog(data: DataDirectory, founded: Founded, length: number): Promise<LogBench> {
  const server = await startRelay(data);
  const { account, group } = founded;
  const sessions = await Promise.all(Array.from({ length: SENDERS }, () => logIn(account, server.port)));
  const senders: Sender[] = sessions.map((session) => senderOver(session, group, group.founder, SMALL));
  return {
    server,
    append: async (seconds) => 1000 / (await measureThroughput(senders, seconds)),
    readPage: () => readPage(sessions[0], group, length),
    close: () => senders.forEach((sender) => sender.close()),
  };
}

async function readPage(session: Session | undefined, group: Group, length: number): Promise<number> {
  const { groupId, founder } = group;
  const after = Math.floor(Math.random() * (length - PAGE));
  const started = performance.now();
  const reply = await session?.ask("group.read", { groupId, ...founder, after, limit: PAGE });
  const took = performance.now() - started;
  const entries = fieldOf(reply, "entries");
  if (!Array.isArray(entries) || entries.length !== PAGE) throw new Error("not a whole page");
  return took;
}
