import type { Branch, EntryKind, Epoch, Seq } from "@thicket/protocol";
import type { ColumnType, Generated } from "kysely";

/** A column that replies carry as it is: what comes out of the database has its own buffer. */
type Bytes = ColumnType<Uint8Array, Uint8Array, Uint8Array>;

/**
 * The tables as kysely sees them. Ids are stored as bytes, times in milliseconds, truth as 0 or 1.
 *
 * `groups`, `epochs`, `epoch_seats`, `seats`, `seat_changes`, `entries`, `supersedes` and `links` never hold a user id,
 * a handle or a device id; `key_packages`, `welcomes` and `welcome_payloads` never hold a seat or a group
 * (`delivery.md`). `welcome_holds` ties one to the other for some seconds.
 * `blobs` and `blob_tickets` hold none of these, and no id by which a blob could be downloaded.
 */
export type Schema = {
  groups: {
    no: Generated<number>;
    group_id: Uint8Array;
    head_seq: Seq;
    /** The lowest seq that is still kept. */
    lowest_seq: Seq;
    /** The lowest cursor over the seats of all tips, as last told. */
    acked_seq: Seq;
    /** When the newest entry came: receivedAt never goes back within a group. */
    received_at: number;
    /** How many lines were begun: the next one's number. */
    lines: number;
    /** How many tips there are. */
    tips: number;
    /** When this group is to be purged next. */
    sweep_at: number;
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
    /** The chain of first candidates that this epoch belongs to (see `seat_changes`). */
    line: number;
    /** Its commit removed a seat. */
    removes: number;
    /** Welcomes of its commit are held. */
    held: number;
    /** The last entry on this branch; its own commit's seq before there is one. */
    last_seq: Seq;
    /** When its commit came. */
    began_at: number;
    /** When last a member wrote on this branch or, to the day, showed its token. */
    written_at: number;
  };
  epoch_seats: {
    group_no: number;
    branch: Branch;
    /** Seat ids, 16 bytes each, in the order of the request. */
    added: Uint8Array;
    removed: Uint8Array;
    /** The author's old seat and its new one. */
    replaced: Uint8Array | null;
  };
  seats: {
    group_no: number;
    seat_id: Uint8Array;
    /** Null until the seat's first attach. */
    token_hash: Uint8Array | null;
    cursor: Seq;
    /** How many tips hold the seat; 0 also where it was dropped. */
    tips: number;
    /** It showed no epoch token for so long that nobody waits for it any more. */
    dropped: number;
    /** Of a seat that was removed: it still has to hear of everything up to here. */
    needs_to: Seq;
    /** The first of the seats that replaced each other; null for one that was never part of that. */
    origin: Uint8Array | null;
    /** The UTC day (since 1970) on which this seat last showed an epoch token, or was added. */
    shown_day: number | null;
  };
  seat_changes: {
    group_no: number;
    seat_id: Uint8Array;
    line: number;
    branch: Branch;
    /**
     * 1: the commit that began this branch added the seat. 0: it removed it. 2: the seat was there already when that
     * commit began this line.
     */
    holds: number;
  };
  entries: {
    group_no: number;
    seq: Seq;
    branch: Branch;
    line: number;
    epoch: Epoch;
    kind: EntryKind;
    received_at: number;
    bytes: Bytes;
    /** A hash of (seat, entryId): recognises a resend without telling who wrote. */
    resend_key: Uint8Array | null;
    /** Of all that a resend must repeat. */
    resend_digest: Uint8Array | null;
  };
  supersedes: {
    group_no: number;
    /** A hash of (seat token, what is counted): counts a seat's candidates without telling whose they are. */
    key: Uint8Array;
    count: number;
    /** When the last one came. */
    at: number;
  };
  links: {
    link_id: Uint8Array;
    /** Null for one that was withdrawn, and stays so. */
    group_no: number | null;
    card: Bytes | null;
  };
  welcome_holds: {
    payload_no: number;
    group_no: number;
    branch: Branch;
    /** A hash of the author's seat token: only its owner's showing it again tells who wrote. */
    author: Uint8Array;
    /** When it is released at the latest. */
    due_at: number;
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
