import type { Branch, EntryKind, Epoch, Seq } from "@thicket/protocol";
import type { ColumnType, Generated } from "kysely";

/** A column that replies carry as it is: what comes out of the database has its own buffer. */
type Bytes = ColumnType<Uint8Array, Uint8Array, Uint8Array>;

/**
 * The tables as kysely sees them. Ids are stored as bytes, times in milliseconds, truth as 0 or 1.
 *
 * `groups`, `epochs`, `seats`, `seat_changes`, `entries` and `resends` never hold a user id, a handle or a
 * device id; `key_packages`, `welcomes` and `welcome_payloads` never hold a seat or a group (`delivery.md`).
 * `blobs` and `blob_tickets` hold neither, and no id by which a blob could be downloaded.
 */
export type Schema = {
  groups: {
    no: Generated<number>;
    group_id: Uint8Array;
    head_seq: Seq;
    /** The lowest seq that is still kept. */
    lowest_seq: Seq;
    /** The lowest cursor over the seats of the newest tip, as last told. */
    acked_seq: Seq;
    /** When the newest entry came: receivedAt never goes back within a group. */
    received_at: number;
  };
  epochs: {
    group_no: number;
    /** The seq of the commit that began this epoch; 0 for the first. */
    branch: Branch;
    epoch: Epoch;
    parent_branch: Branch | null;
    /** Its place among the commits of its parent: 1 for the first. */
    candidate: number;
    is_tip: number;
    token_hash: Bytes;
    seat_count: number;
    /** Seat ids, 16 bytes each, in the order of the request. */
    seats_added: Uint8Array;
    seats_removed: Uint8Array;
  };
  seats: {
    group_no: number;
    seat_id: Uint8Array;
    /** Null until the seat's first attach. */
    token_hash: Uint8Array | null;
    cursor: Seq;
    in_newest: number;
    /** The UTC day (since 1970) on which this seat last showed an epoch token; null for never. */
    shown_day: number | null;
  };
  seat_changes: {
    group_no: number;
    seat_id: Uint8Array;
    branch: Branch;
    /** 1: the commit that began this branch added the seat. 0: it removed it. */
    holds: number;
  };
  entries: {
    group_no: number;
    seq: Seq;
    branch: Branch;
    epoch: Epoch;
    kind: EntryKind;
    received_at: number;
    bytes: Bytes;
  };
  resends: {
    group_no: number;
    /** A hash of (seat, entryId): recognises a resend without telling who wrote. */
    key: Uint8Array;
    digest: Uint8Array;
    seq: Seq;
    received_at: number;
  };
  key_packages: {
    no: Generated<number>;
    user_id: Uint8Array;
    device_id: Uint8Array;
    suite: number;
    ref: Uint8Array;
    not_after: number;
    last_resort: number;
    bytes: Bytes;
  };
  spent_key_packages: {
    ref: Uint8Array;
    not_after: number;
  };
  welcome_payloads: {
    no: Generated<number>;
    bytes: Bytes;
  };
  welcomes: {
    no: Generated<number>;
    welcome_id: Uint8Array;
    user_id: Uint8Array;
    device_id: Uint8Array;
    key_package_ref: Bytes;
    payload_no: number;
    /** The UTC day on which it came. */
    created_day: number;
  };
  blob_tickets: {
    ticket_hash: Uint8Array;
    size: number;
    expires_at: number;
  };
  blobs: {
    id_hash: Uint8Array;
    /** SHA-256 of the token that the uploader shows. */
    token_hash: Bytes;
    size: number;
    /** So many bytes are flushed to the file. */
    stored: number;
    state: BlobState;
    /** A full hour. */
    expires_at: number;
  };
};

/** A deleted one stays for as long as its ticket could come again, or until its file is gone. */
export type BlobState = "uploading" | "complete" | "deleted";
