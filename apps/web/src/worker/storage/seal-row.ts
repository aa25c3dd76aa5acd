/**
 * At rest every value is sealed with a record key, and every record key with the account key. That account key lies in
 * the same database as a non-extractable CryptoKey: a copy of the disk still opens everything. At-rest protection is
 * promised only once a lock wraps it; until then sealing binds each value to its place, and keeps plaintext out of dumps.
 */
import type { Key } from "@thicket/client";
import { StoreError } from "@thicket/client";
import { toHex } from "@thicket/protocol";
import { decode, encode } from "cborg";

/** Part of every sealed value's additional data: a change of the format below changes it. */
const FORMAT = 1;
const NONCE_LENGTH = 12;

/** A key for the values of one scope: a table, or the rows of one conversation or epoch in it. */
export interface RecordKey {
  /** Random, so that a key made anew for the same scope is never taken for its forerunner. */
  id: string;
  key: CryptoKey;
}

export interface WrappedRecordKey {
  id: string;
  wrapped: Uint8Array<ArrayBuffer>;
}

/** What the database holds of one row beside its key. */
export interface SealedRow {
  keyId: string;
  sealed: Uint8Array<ArrayBuffer>;
}

/** AES-256-GCM, non-extractable. */
export function createAccountKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

export async function createRecordKey(
  accountKey: CryptoKey,
  scope: string,
): Promise<{ recordKey: RecordKey; wrapped: WrappedRecordKey }> {
  const id = toHex(crypto.getRandomValues(new Uint8Array(16)));
  const raw = crypto.getRandomValues(new Uint8Array(32));
  try {
    const [key, wrapped] = await Promise.all([
      importRecordKey(raw),
      seal(accountKey, ["record-key", scope, id], raw),
    ]);
    return { recordKey: { id, key }, wrapped: { id, wrapped } };
  } finally {
    raw.fill(0);
  }
}

/** Throws STORE_UNREADABLE where the account key or the scope isn't the one it was wrapped for. */
export async function openRecordKey(
  accountKey: CryptoKey,
  scope: string,
  wrapped: WrappedRecordKey,
): Promise<RecordKey> {
  const raw = await open(accountKey, ["record-key", scope, wrapped.id], wrapped.wrapped);
  try {
    return { id: wrapped.id, key: await importRecordKey(raw) };
  } finally {
    raw.fill(0);
  }
}

/** Plain data and Uint8Array -> CBOR. Anything that would come back as something else is a bug and throws. */
export function encodeValue(value: unknown): Uint8Array {
  return encode(value, { typeEncoders: { bigint: refuse, Date: refuse, Map: refuse } });
}

/** `plain` is an encoded value. */
export async function sealRow(
  recordKey: RecordKey,
  table: string,
  key: Key,
  plain: Uint8Array,
): Promise<SealedRow> {
  return { keyId: recordKey.id, sealed: await seal(recordKey.key, [table, key], plain) };
}

/** Throws STORE_UNREADABLE for a value that was changed, or moved from another table or key. */
export async function openRow(
  recordKey: RecordKey,
  table: string,
  key: Key,
  row: SealedRow,
): Promise<unknown> {
  const plain = await open(recordKey.key, [table, key], row.sealed);
  return decode(plain);
}

export function isSealedRow(value: unknown): value is SealedRow {
  return isRecord(value) && typeof value["keyId"] === "string" && value["sealed"] instanceof Uint8Array;
}

export function isWrappedRecordKey(value: unknown): value is WrappedRecordKey {
  return isRecord(value) && typeof value["id"] === "string" && value["wrapped"] instanceof Uint8Array;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Nonce, then AES-256-GCM ciphertext and tag. The nonce is random: 2^32 values under one key stay far away. */
async function seal(key: CryptoKey, place: unknown, plain: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_LENGTH));
  const parameters = { name: "AES-GCM", iv: nonce, additionalData: additionalData(place) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(parameters, key, owned(plain)));
  const whole = new Uint8Array(NONCE_LENGTH + sealed.length);
  whole.set(nonce);
  whole.set(sealed, NONCE_LENGTH);
  return whole;
}

async function open(
  key: CryptoKey,
  place: unknown,
  whole: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const parameters = {
    name: "AES-GCM",
    iv: whole.subarray(0, NONCE_LENGTH),
    additionalData: additionalData(place),
  };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(parameters, key, whole.subarray(NONCE_LENGTH)));
  } catch (error) {
    throw new StoreError("STORE_UNREADABLE", { cause: error });
  }
}

function additionalData(place: unknown): Uint8Array<ArrayBuffer> {
  return owned(encode([FORMAT, place]));
}

function importRecordKey(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** WebCrypto takes no view on shared memory, and the type of what cborg returns leaves that open. */
function owned(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

function refuse(_value: unknown, type: string): never {
  throw new TypeError(`a row holds no ${type}`);
}
