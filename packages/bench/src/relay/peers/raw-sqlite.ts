// The floor of an append: the rows that it writes, by prepared statements alone, and as many to a transaction as there
// are senders. Nothing is received, checked or answered. Prints rows a second.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [batch = 64, seconds = 2] = process.argv.slice(2).map(Number);
const directory = mkdtempSync(join(tmpdir(), "thicket-bench-floor-"));
const database = new DatabaseSync(join(directory, "floor.sqlite"));
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE groups (no INTEGER PRIMARY KEY, head_seq INTEGER NOT NULL) STRICT;
  CREATE TABLE entries (
    group_no INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    resend_key BLOB NOT NULL,
    resend_digest BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX entries_by_seq ON entries (group_no, seq);
  CREATE UNIQUE INDEX entries_by_resend ON entries (group_no, resend_key);
`);
const begin = database.prepare("BEGIN IMMEDIATE");
const commit = database.prepare("COMMIT");
const insertEntry = database.prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?)");
const advance = database.prepare("UPDATE groups SET head_seq = ? WHERE no = ?");
for (let no = 0; no < batch; no++) database.exec(`INSERT INTO groups VALUES (${no}, 0)`);

const message = randomBytes(1024);
const digest = randomBytes(32);
const keys = randomBytes(32 * 4096);
const started = performance.now();
let appends = 0;
for (let seq = 1; performance.now() - started < 1000 * seconds; seq++) {
  begin.run();
  for (let no = 0; no < batch; no++) {
    const key = Buffer.from(keys.subarray(32 * (appends % 4096), 32 * ((appends % 4096) + 1)));
    key.writeUInt32BE(appends, 28);
    insertEntry.run(no, seq, message, key, digest);
    advance.run(seq, no);
    appends += 1;
  }
  commit.run();
}
process.stdout.write(JSON.stringify((1000 * appends) / (performance.now() - started)));
database.close();
rmSync(directory, { recursive: true, force: true });
