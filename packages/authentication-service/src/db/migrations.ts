/**
 * The schema's history. Migration n brings a database from version n - 1 to n (`PRAGMA user_version`);
 * a published one is never edited, only followed.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE accounts (
    user_id TEXT PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    root_key BLOB NOT NULL UNIQUE,
    attestation BLOB NOT NULL,
    attested_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE devices (
    user_id TEXT NOT NULL REFERENCES accounts (user_id),
    device_id TEXT NOT NULL,
    device_key BLOB NOT NULL,
    device_seq INTEGER NOT NULL,
    certificate BLOB NOT NULL,
    PRIMARY KEY (user_id, device_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE events (
    user_id TEXT NOT NULL REFERENCES accounts (user_id),
    seq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (user_id, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER events_keep BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are kept'); END;
  CREATE TRIGGER events_stand BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events stand'); END;

  CREATE TABLE as_keys (
    key_id BLOB PRIMARY KEY,
    public_key BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];
