import type { Migration } from "@thicket/storage";

/**
 * The schema's history, in both dialects. Migration n brings a database from version n - 1 to n; a published one is
 * never edited, only followed.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    sqlite: `
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
    postgres: `
    CREATE TABLE accounts (
      user_id text PRIMARY KEY,
      handle text NOT NULL UNIQUE,
      root_key bytea NOT NULL UNIQUE,
      attestation bytea NOT NULL,
      attested_at bigint NOT NULL
    );

    CREATE TABLE devices (
      user_id text NOT NULL REFERENCES accounts (user_id),
      device_id text NOT NULL,
      device_key bytea NOT NULL,
      device_seq bigint NOT NULL,
      certificate bytea NOT NULL,
      PRIMARY KEY (user_id, device_id)
    );

    CREATE TABLE events (
      user_id text NOT NULL REFERENCES accounts (user_id),
      seq bigint NOT NULL,
      kind bigint NOT NULL,
      at bigint NOT NULL,
      body bytea NOT NULL,
      hash bytea NOT NULL,
      PRIMARY KEY (user_id, seq)
    );
    CREATE FUNCTION events_stand() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'events stand and are kept'; END $$;
    CREATE TRIGGER events_stand BEFORE UPDATE OR DELETE OR TRUNCATE ON events
      FOR EACH STATEMENT EXECUTE FUNCTION events_stand();

    CREATE TABLE as_keys (
      key_id bytea PRIMARY KEY,
      public_key bytea NOT NULL
    );
    `,
  },
  {
    sqlite: `
    CREATE TABLE invites (
      code_hash BLOB PRIMARY KEY,
      uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    `,
    postgres: `
    CREATE TABLE invites (
      code_hash bytea PRIMARY KEY,
      uses_left bigint NOT NULL CHECK (uses_left >= 0),
      expires_at bigint NOT NULL
    );
    `,
  },
];
