import type { AccountId, DeviceId, Handle } from "@thicket/protocol";
import type { ColumnType } from "kysely";

/** node:sqlite hands out arrays of their own; any may be written. */
type Bytes = ColumnType<Uint8Array, Uint8Array, Uint8Array>;

/** The tables, as `migrations.ts` makes them. Ids are lower-case hexadecimal; times are seconds since 1970 UTC. */
export interface Schema {
  accounts: {
    user_id: AccountId;
    handle: Handle;
    root_key: Bytes;
    /** The newest attestation, encoded. */
    attestation: Bytes;
    attested_at: number;
  };
  devices: {
    user_id: AccountId;
    device_id: DeviceId;
    device_key: Bytes;
    device_seq: number;
    /** Encoded. */
    certificate: Bytes;
  };
  /** Append-only and hash-chained per user: see `append-event.ts`. */
  events: {
    user_id: AccountId;
    seq: number;
    kind: number;
    at: number;
    body: Bytes;
    hash: Bytes;
  };
  /** What the operator gave out to be signed up with. The code itself is kept nowhere. */
  invites: {
    /** SHA-256 of the code. */
    code_hash: Bytes;
    uses_left: number;
    expires_at: number;
  };
  /** The public halves of the keys that this database's accounts were attested with. */
  as_keys: {
    key_id: Bytes;
    public_key: Bytes;
  };
}
