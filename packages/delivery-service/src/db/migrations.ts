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
  -- A line is a chain of epochs in which each was begun by its parent's first candidate; a later candidate begins a
  -- line of its own, with all its seats written out. So a seat's place in an epoch is its last change on that line.
  ALTER TABLE groups ADD COLUMN lines INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE groups ADD COLUMN tips INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE groups ADD COLUMN sweep_at INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX groups_by_sweep ON groups (sweep_at);

  -- An epoch's row is written with each of its entries: what can be large is in a row of its own.
  CREATE TABLE epoch_seats (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    branch INTEGER NOT NULL,
    added BLOB NOT NULL,
    removed BLOB NOT NULL,
    replaced BLOB,
    PRIMARY KEY (group_no, branch)
  ) STRICT;
  INSERT INTO epoch_seats (group_no, branch, added, removed)
    SELECT group_no, branch, seats_added, seats_removed FROM epochs;
  ALTER TABLE epochs ADD COLUMN line INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE epochs ADD COLUMN removes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE epochs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE epochs ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE epochs ADD COLUMN began_at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE epochs ADD COLUMN written_at INTEGER NOT NULL DEFAULT 0;
  UPDATE epochs SET removes = 1 WHERE length(seats_removed) > 0;
  UPDATE epochs SET last_seq = branch,
    began_at = (SELECT received_at FROM groups WHERE groups.no = epochs.group_no),
    written_at = (SELECT received_at FROM groups WHERE groups.no = epochs.group_no);
  UPDATE epochs SET last_seq = written.seq
    FROM (SELECT group_no, branch, max(seq) AS seq FROM entries GROUP BY group_no, branch) AS written
    WHERE written.group_no = epochs.group_no AND written.branch = epochs.branch;
  ALTER TABLE epochs DROP COLUMN seats_added;
  ALTER TABLE epochs DROP COLUMN seats_removed;

  DROP INDEX seats_lowest_cursor;
  ALTER TABLE seats RENAME COLUMN in_newest TO tips;
  ALTER TABLE seats ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE seats ADD COLUMN needs_to INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE seats ADD COLUMN origin BLOB;
  UPDATE seats SET shown_day = unixepoch() / 86400 WHERE shown_day IS NULL;
  CREATE INDEX seats_lowest_cursor ON seats (group_no, cursor) WHERE tips > 0;
  CREATE INDEX seats_by_tips ON seats (group_no, tips);
  CREATE INDEX seats_by_day ON seats (group_no, shown_day) WHERE tips > 0;
  CREATE INDEX seats_by_origin ON seats (group_no, origin) WHERE origin IS NOT NULL;

  CREATE TABLE line_changes (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    seat_id BLOB NOT NULL,
    line INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    holds INTEGER NOT NULL,
    PRIMARY KEY (group_no, seat_id, line, branch)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO line_changes (group_no, seat_id, line, branch, holds)
    SELECT group_no, seat_id, 0, branch, holds FROM seat_changes;
  DROP TABLE seat_changes;
  ALTER TABLE line_changes RENAME TO seat_changes;
  CREATE INDEX seat_changes_by_branch ON seat_changes (group_no, branch);
  CREATE INDEX seat_removals ON seat_changes (group_no, line, branch) WHERE holds = 0;

  ALTER TABLE entries ADD COLUMN line INTEGER NOT NULL DEFAULT 0;
  DROP INDEX entries_by_seq;
  CREATE UNIQUE INDEX entries_by_seq ON entries (group_no, seq, branch, line);
  CREATE INDEX resends_by_seq ON resends (group_no, seq);

  CREATE TABLE supersedes (
    group_no INTEGER NOT NULL REFERENCES groups (no),
    key BLOB NOT NULL,
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (group_no, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE links (
    link_id BLOB PRIMARY KEY,
    group_no INTEGER REFERENCES groups (no),
    card BLOB
  ) STRICT;
  CREATE INDEX links_by_group ON links (group_no);

  -- The one tie between a commit and the inboxes, erased when its Welcomes go out.
  CREATE TABLE welcome_holds (
    payload_no INTEGER PRIMARY KEY REFERENCES welcome_payloads (no),
    group_no INTEGER NOT NULL REFERENCES groups (no),
    branch INTEGER NOT NULL,
    author BLOB NOT NULL,
    due_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX welcome_holds_by_branch ON welcome_holds (group_no, branch);
  CREATE INDEX welcome_holds_by_time ON welcome_holds (due_at);
  CREATE INDEX welcomes_by_day ON welcomes (created_day);
  CREATE INDEX key_packages_by_end ON key_packages (not_after);
  `,
];
