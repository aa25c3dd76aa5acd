// oxlint-disable typescript/no-unsafe-type-assertion -- TypeScript cannot see that an object was filled field by
// field from its own description; the assertions below are the one place where that is said.
import { MlsError } from "../errors.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** How one structure of the TLS presentation language (RFC 9420 §2.1) is written and read. */
export interface Codec<T> {
  write(writer: Writer, value: T): void;
  read(reader: Reader): T;
}

/** The bytes of a value. Throws MlsError ENCODE_RANGE if a field cannot hold its value, or EXTENSION_DUPLICATE. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.finish();
}

/** The value of which these are all the bytes. Throws MlsError DECODE_, or a structure's own code. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  reader.finish();
  return value;
}

/** Unsigned integers of 8 to 64 bits, big-endian; those of 64 bits are bigints. */
export const u8: Codec<number> = { write: (w, value) => w.uint(value, 1), read: (r) => r.uint(1) };
export const u16: Codec<number> = { write: (w, value) => w.uint(value, 2), read: (r) => r.uint(2) };
export const u32: Codec<number> = { write: (w, value) => w.uint(value, 4), read: (r) => r.uint(4) };
export const u64: Codec<bigint> = { write: (w, value) => w.uint64(value), read: (r) => r.uint64() };

/** `opaque x<V>` */
export const opaque: Codec<Uint8Array> = { write: (w, value) => w.opaque(value), read: (r) => r.opaque() };

/** `opaque x[length]` */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    write(w, value) {
      if (value.length !== length) {
        throw new MlsError("ENCODE_RANGE", `${value.length} bytes where ${length} belong`);
      }
      w.raw(value);
    },
    read: (r) => r.raw(length),
  };
}

/** `T x<V>` */
export function vector<T>(element: Codec<T>): Codec<readonly T[]> {
  return {
    write: (w, values) => w.vector(() => values.forEach((value) => element.write(w, value))),
    read: (r) => r.vector(() => element.read(r)),
  };
}

/** `optional<T>`: undefined is absent. A presence octet other than 0 or 1 is malformed (§2.1.1). */
export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    write(w, value) {
      w.uint(value === undefined ? 0 : 1, 1);
      if (value !== undefined) codec.write(w, value);
    },
    read(r) {
      const present = r.uint(1);
      if (present > 1) throw new MlsError("DECODE_VALUE", "presence octet not 0 or 1", { section: "§2.1.1" });
      return present === 1 ? codec.read(r) : undefined;
    },
  };
}

/** One octet, 0 or 1; any other is malformed. */
export const flag: Codec<boolean> = {
  write: (w, value) => w.uint(value ? 1 : 0, 1),
  read(r) {
    const octet = r.uint(1);
    if (octet > 1) throw new MlsError("DECODE_VALUE", "flag not 0 or 1");
    return octet === 1;
  },
};

/** A struct: its fields in the order in which the object names them. */
export function struct<T extends object>(fields: { readonly [K in keyof T]-?: Codec<T[K]> }): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    write(w, value) {
      for (const name of names) fields[name].write(w, value[name]);
    },
    read(r) {
      const value: Partial<T> = {};
      for (const name of names) value[name] = fields[name].read(r);
      return value as T;
    },
  };
}

/** An enum: its names as values. Numbers without a name are refused. */
export function enumeration<Name extends string>(
  tag: Codec<number>,
  numbers: Readonly<Record<Name, number>>,
): Codec<Name> {
  const names = new Map((Object.keys(numbers) as Name[]).map((name) => [numbers[name], name]));
  return {
    write: (w, name) => tag.write(w, numbers[name]),
    read(r) {
      const number = tag.read(r);
      const name = names.get(number);
      if (name === undefined) throw new MlsError("DECODE_VALUE", `${number} has no meaning in this enum`);
      return name;
    },
  };
}

/** The fields of the case of a union, without the tag. */
export type CaseOf<T extends { kind: string }, K extends T["kind"]> = Omit<Extract<T, { kind: K }>, "kind">;

/**
 * A `select` behind its tag: `cases` maps each kind to its number and to the codec of its fields.
 * `select(u8, { leaf: [1, struct({...})], parent: [2, struct({...})] })`
 */
export function select<T extends { kind: string }>(
  tag: Codec<number>,
  cases: { readonly [K in T["kind"]]: readonly [number: number, fields: Codec<CaseOf<T, K>>] },
): Codec<T> {
  type AnyCase = readonly [number, Codec<object>];
  const byKind = new Map(Object.entries<AnyCase>(cases as Record<string, AnyCase>));
  const byNumber = new Map([...byKind].map(([kind, [number, fields]]) => [number, { kind, fields }]));
  return {
    write(w, value) {
      const found = byKind.get(value.kind);
      if (found === undefined) throw new MlsError("ENCODE_RANGE", `no case ${value.kind} in this select`);
      tag.write(w, found[0]);
      found[1].write(w, value);
    },
    read(r) {
      const number = tag.read(r);
      const found = byNumber.get(number);
      if (found === undefined) throw new MlsError("DECODE_VALUE", `${number} has no case in this select`);
      return Object.assign(found.fields.read(r), { kind: found.kind }) as T;
    },
  };
}

/** A struct without fields. */
export const empty: Codec<object> = { write: () => undefined, read: () => ({}) };

/** The same bytes with a check on top: `check` throws MlsError on values that the structure forbids. */
export function checked<T>(codec: Codec<T>, check: (value: T) => void): Codec<T> {
  return {
    write: (w, value) => codec.write(w, value),
    read(r) {
      const value = codec.read(r);
      check(value);
      return value;
    },
  };
}
