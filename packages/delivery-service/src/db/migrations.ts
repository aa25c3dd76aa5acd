/**
 * The schema's history. Migration n brings a database from version n - 1 to n (`PRAGMA user_version`);
 * a published one is never edited, only followed.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE groups (
    no INTEGER PRIMARY KEY,
    group_id BLOB NOT NULL UNIQUE,
    head_seq INTEGER NOT NULL,
    lowest_seq INTEGER NOT NULL,
    acked_seq INTEGER NOT NULL,
    received_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE epochs (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    branch INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    parent_branch INTEGER,
    candidate INTEGER NOT NULL,
    is_tip INTEGER NOT NULL,
    token_hash BLOB NOT NULL,
    seat_count INTEGER NOT NULL,
    seats_added BLOB NOT NULL,
    seats_removed BLOB NOT NULL,
    PRIMARY KEY (group_no, branch),
    UNIQUE (group_no, parent_branch, candidate)
  ) STRICT;
  CREATE INDEX epochs_by_token ON epochs (group_no, token_hash);
  CREATE INDEX epochs_tips ON epochs (group_no, branch) WHERE is_tip = 1;

  CREATE TABLE seats (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    seat_id BLOB NOT NULL,
    token_hash BLOB,
    cursor INTEGER NOT NULL,
    in_newest INTEGER NOT NULL,
    shown_day INTEGER,
    PRIMARY KEY (group_no, seat_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seats_lowest_cursor ON seats (group_no, cursor) WHERE in_newest = 1;

  CREATE TABLE seat_changes (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    seat_id BLOB NOT NULL,
    branch INTEGER NOT NULL,
    holds INTEGER NOT NULL,
    PRIMARY KEY (group_no, seat_id, branch)
  ) STRICT, WITHOUT ROWID;

  -- A rowid table: entries are large. The index carries the branch so that a seat's view of a long log
  -- is found without touching the entries that it may not read.
  CREATE TABLE entries (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    seq INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX entries_by_seq ON entries (group_no, seq, branch);

  CREATE TABLE resends (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    key BLOB NOT NULL,
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (group_no, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE key_packages (
    no INTEGER PRIMARY KEY,
    user_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    suite INTEGER NOT NULL,
    ref BLOB NOT NULL UNIQUE,
    not_after INTEGER NOT NULL,
    last_resort INTEGER NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX key_packages_by_device ON key_packages (user_id, device_id, suite, last_resort);
  CREATE UNIQUE INDEX key_packages_last_resort ON key_packages (user_id, device_id, suite) WHERE last_resort = 1;

  CREATE TABLE spent_key_packages (
    ref BLOB PRIMARY KEY,
    not_after INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX spent_key_packages_by_end ON spent_key_packages (not_after);

  CREATE TABLE welcome_payloads (
    no INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;

  CREATE TABLE welcomes (
    no INTEGER PRIMARY KEY,
    welcome_id BLOB NOT NULL UNIQUE,
    user_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    key_package_ref BLOB NOT NULL,
    payload_no INTEGER NOT NULL REFERENCES welcome_payloads (no),
    created_day INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX welcomes_by_device ON welcomes (user_id, device_id);
  CREATE INDEX welcomes_by_payload ON welcomes (payload_no);
  `,
  `
  CREATE TABLE blob_tickets (
    ticket_hash BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blob_tickets_by_end ON blob_tickets (expires_at);

  CREATE TABLE blobs (
    id_hash BLOB PRIMARY KEY,
    token_hash BLOB NOT NULL,
    size INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    state TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blobs_by_end ON blobs (expires_at);
  `,
];
