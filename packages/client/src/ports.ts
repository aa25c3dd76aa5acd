/** What the client needs of its surroundings. It does no I/O of its own. */
import type {
  AuthenticationReply,
  AuthenticationRequest,
  AuthenticationRequests,
  DeliveryEvents,
  DeliveryReply,
  DeliveryRequest,
  DeliveryRequests,
  Hello,
  Login,
  Reply,
} from "@thicket/protocol";
import type { Schema, Table } from "./tables.ts";

/** Parts of a row's key; rows of a table sort by it, part by part (numbers before strings). */
export type Key = readonly (string | number)[];

/** Rows whose key begins with `prefix`; `after` and `before` are exclusive bounds on the whole key. */
export interface Range {
  prefix: Key;
  after?: Key;
  before?: Key;
  limit?: number;
  /** Highest key first. */
  reverse?: boolean;
}

export interface Row<T extends Table = Table> {
  key: Key;
  value: Schema[T];
}

/** One write of one row. Values hold plain data and Uint8Array only. */
export type Write = {
  [T in Table]: { table: T; key: Key; value: Schema[T] } | { table: T; key: Key; value: undefined };
}[Table];

/**
 * Durable rows. Reading answers `undefined` for a row that isn't there and throws StoreError for one
 * that can't be read: the two are never confused.
 */
export interface Store {
  get<T extends Table>(table: T, key: Key): Promise<Schema[T] | undefined>;
  list<T extends Table>(table: T, range: Range): Promise<Row<T>[]>;
  /** All writes or none, durable when it resolves (one strict transaction). Throws StoreError and leaves everything as it was. */
  commit(writes: readonly Write[]): Promise<void>;
}

export type StoreErrorCode =
  | "STORE_UNAVAILABLE"
  | "STORE_UNREADABLE"
  | "STORE_QUOTA"
  | "STORE_FENCED"
  | "STORE_NEWER";

/** Thrown by a Store. `code` survives; nothing of the row's content is in the message. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, options?: ErrorOptions) {
    super(code, options);
    this.name = "StoreError";
    this.code = code;
  }
}

/** The request may or may not have arrived: repeat the same bytes. */
export type LinkDown = { ok: false; error: { code: "LINK_DOWN" } };

export type LinkEvent =
  /** Connected and greeted, not yet logged in. `socketId` goes into the login signature. */
  | { type: "greeted"; hello: Hello; socketId: string }
  | { type: "down" }
  /** The relay doesn't speak our wire version, or refuses us for good: no reconnecting. */
  | { type: "refused"; code: "WIRE_VERSION_UNSUPPORTED" | "RELAY_REFUSED" };

export type DeliveryLinkEvent =
  | LinkEvent
  | { [K in keyof DeliveryEvents]: { type: K; event: DeliveryEvents[K] } }[keyof DeliveryEvents];

/** A connection to the Delivery Service. It reconnects by itself, and validates replies and events against the schemas. */
export interface RelayLink {
  /** Scheme, host and port of the relay as it names itself in the login signature. */
  readonly origin: string;
  request<K extends keyof DeliveryRequests>(
    name: K,
    request: DeliveryRequest<K>,
  ): Promise<DeliveryReply<K> | LinkDown>;
  login(login: Login): Promise<Reply<object> | LinkDown>;
  listen(listener: (event: DeliveryLinkEvent) => void): () => void;
}

/** A connection to the Authentication Service. */
export interface AuthenticationLink {
  readonly origin: string;
  request<K extends keyof AuthenticationRequests>(
    name: K,
    request: AuthenticationRequest<K>,
  ): Promise<AuthenticationReply<K> | LinkDown>;
  login(login: Login): Promise<Reply<object> | LinkDown>;
  listen(listener: (event: LinkEvent) => void): () => void;
}

export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
  /** Calls `run` once after `delay` ms; the returned function cancels it. */
  after(delay: number, run: () => void): () => void;
}

export interface Random {
  bytes(length: number): Uint8Array;
}

/** Structured, without handles, ids or payloads. */
export interface Log {
  (
    level: "debug" | "info" | "warn" | "error",
    event: string,
    fields?: Record<string, string | number | boolean>,
  ): void;
}

export interface Ports {
  store: Store;
  relay: RelayLink;
  authentication: AuthenticationLink;
  clock: Clock;
  random: Random;
  log: Log;
}
