import type { SeededRandom } from "@thicket/delivery-service/testing";
import * as v from "valibot";

/** What a valibot schema is made of, as far as the wire's schemas use it. */
type Shape =
  | { kind: "object"; entries: ReadonlyMap<string, Shape> }
  | { kind: "array"; item: Shape; least: number; most: number }
  | { kind: "optional"; inner: Shape }
  | { kind: "choice"; options: readonly Shape[] }
  | { kind: "literal"; value: unknown }
  | { kind: "bytes"; least: number; most: number }
  | { kind: "number"; least: number; most: number }
  | { kind: "text"; hex: number | undefined; least: number; most: number }
  | { kind: "boolean" };

/** Values for a field of this name, better than made-up ones: ids and tokens that exist, right and wrong. */
export type Known = (field: string, random: SeededRandom) => unknown;

/** One way to spoil a request. */
export interface Mutation {
  /** Where, and how: the name under which it is counted. */
  readonly name: string;
  apply(value: unknown, random: SeededRandom): unknown;
}

/** @throws Error for a schema of a kind that no request has used so far: it has to be taught here. */
export function shapeOf(schema: v.GenericSchema): Shape {
  const { type } = schema;
  const rules = readRules(schema);
  const part = (name: string): unknown => Reflect.get(schema, name);
  switch (type) {
    case "object":
    case "strict_object":
    case "loose_object":
      return {
        kind: "object",
        entries: new Map(schemasOf(part("entries")).map(([name, inner]) => [name, shapeOf(inner)])),
      };
    case "array":
      return { kind: "array", item: shapeOf(oneSchema(part("item"))), ...rules.length };
    case "optional":
    case "nullable":
    case "nullish":
      return { kind: "optional", inner: shapeOf(oneSchema(part("wrapped"))) };
    case "variant":
    case "union":
      return { kind: "choice", options: schemasOf(part("options")).map(([, inner]) => shapeOf(inner)) };
    case "picklist": {
      // A later step of the pipe may leave fewer.
      const options: unknown = Reflect.get(Object(stepsOf(schema).findLast(isPicklist) ?? schema), "options");
      const values: unknown[] = Array.isArray(options) ? options : [];
      return { kind: "choice", options: values.map((value) => ({ kind: "literal", value })) };
    }
    case "literal":
      return { kind: "literal", value: part("literal") };
    case "custom":
      return { kind: "bytes", ...rules.length };
    case "number":
      return { kind: "number", ...rules.value };
    case "string":
      return { kind: "text", hex: rules.hex, ...rules.length };
    case "boolean":
      return { kind: "boolean" };
    default:
      throw new Error(`no values are known for a schema of type ${type}`);
  }
}

function readRules(schema: v.GenericSchema) {
  const length = { least: 0, most: 64 };
  const value = { least: 0, most: Number.MAX_SAFE_INTEGER };
  let hex: number | undefined;
  for (const step of stepsOf(schema)) {
    const { type, requirement }: { type?: unknown; requirement?: unknown } = Object(step);
    if (requirement instanceof RegExp) {
      const digits = /^\^\[0-9a-f\]\{(\d+)\}\$$/.exec(requirement.source)?.[1];
      if (digits !== undefined) hex = Number(digits);
    }
    if (typeof requirement !== "number") continue;
    if (type === "min_length") length.least = requirement;
    if (type === "max_length") length.most = requirement;
    if (type === "min_value") value.least = requirement;
    if (type === "max_value") value.most = requirement;
  }
  return { length, value, hex };
}

/** A pipe's first step may be a pipe itself. */
function stepsOf(schema: unknown): unknown[] {
  const pipe: unknown = Reflect.get(Object(schema), "pipe");
  return Array.isArray(pipe) ? pipe.flatMap((step: unknown) => [...stepsOf(step), step]) : [];
}

function isPicklist(step: unknown): boolean {
  return Reflect.get(Object(step), "type") === "picklist";
}

function schemasOf(value: unknown): [string, v.GenericSchema][] {
  return Object.entries(Object(value)).map(([name, inner]) => [name, oneSchema(inner)]);
}

function oneSchema(value: unknown): v.GenericSchema {
  if (typeof value !== "object" || value === null || !("type" in value)) throw new Error("not a schema");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what valibot's own schemas hold in these places
  return value as v.GenericSchema;
}

/** A value that the schema takes. */
export function goodValue(shape: Shape, random: SeededRandom, known: Known, field = ""): unknown {
  const found = known(field, random);
  if (found !== undefined) return found;
  switch (shape.kind) {
    case "object":
      return Object.fromEntries(
        [...shape.entries]
          .map(([name, inner]): [string, unknown] => [name, goodValue(inner, random, known, name)])
          .filter(([, value]) => value !== undefined),
      );
    case "array": {
      const size = Math.min(shape.most, shape.least + random.below(3));
      return Array.from({ length: size }, () => goodValue(shape.item, random, known, field));
    }
    case "optional":
      return random.below(2) === 0 ? undefined : goodValue(shape.inner, random, known, field);
    case "choice": {
      const option = shape.options[random.below(shape.options.length)];
      return option && goodValue(option, random, known, field);
    }
    case "literal":
      return shape.value;
    case "bytes":
      return Buffer.from(random.bytes(Math.min(shape.most, shape.least + random.below(40))));
    case "number":
      return Math.min(shape.most, shape.least + random.below(5));
    case "text":
      return shape.hex === undefined
        ? "x".repeat(Math.max(shape.least, 1 + random.below(8)))
        : Buffer.from(random.bytes(shape.hex / 2)).toString("hex");
    case "boolean":
      return random.below(2) === 0;
  }
}

/** Every way in which this harness spoils a value of the shape: each field wrong in type, size, encoding or presence. */
export function mutationsOf(shape: Shape, canary: string): Mutation[] {
  return [...spoil(shape, "", canary)];
}

function* spoil(shape: Shape, at: string, canary: string): Generator<Mutation> {
  const set = (how: string, value: (random: SeededRandom) => unknown): Mutation => ({
    name: `${at} ${how}`,
    apply: (_, random) => value(random),
  });
  for (const [how, value] of OF_WRONG_TYPE) yield set(how, () => value);
  yield set("canary", () => canary);
  yield set("canary bytes", () => Buffer.from(canary));
  yield set("canary object", () => ({ [canary]: canary }));
  switch (shape.kind) {
    case "bytes":
      for (const size of new Set([0, shape.least - 1, shape.most + 1, shape.most])) {
        if (size >= 0) yield set(`${size} bytes`, () => Buffer.alloc(size, 0x5a));
      }
      return;
    case "text":
      yield* spoilText(shape, set);
      return;
    case "number":
      for (const value of [
        shape.least - 1,
        shape.most + 1,
        shape.least,
        shape.most,
        0.5,
        2 ** 53,
        -(2 ** 53),
      ]) {
        yield set(`number ${value}`, () => value);
      }
      return;
    case "array":
      yield* spoilArray(shape, at, canary);
      return;
    case "optional":
      yield* spoil(shape.inner, at, canary);
      return;
    case "object":
      yield* spoilObject(shape, at, canary);
      return;
    case "choice":
      for (const option of shape.options) if (option.kind !== "literal") yield* spoil(option, at, canary);
      return;
    case "literal":
    case "boolean":
      return;
  }
}

const OF_WRONG_TYPE: readonly (readonly [string, unknown])[] = [
  ["null", null],
  ["absent", undefined],
  ["true", true],
  ["zero", 0],
  ["NaN", Number.NaN],
  ["infinite", Infinity],
  ["empty text", ""],
  ["empty list", []],
  ["empty object", {}],
  ["empty bytes", Buffer.alloc(0)],
  ["deep list", nest(60)],
];

function nest(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

function* spoilText(
  { hex, most }: Extract<Shape, { kind: "text" }>,
  set: (how: string, value: (random: SeededRandom) => unknown) => Mutation,
): Generator<Mutation> {
  const digits = hex ?? most;
  yield set("one too long", () => "a".repeat(digits + 1));
  yield set("one too short", () => "a".repeat(Math.max(0, digits - 1)));
  yield set("upper case", () => "A".repeat(digits));
  yield set("not hexadecimal", () => "g".repeat(digits));
  yield set("wide characters", () => "🌲".repeat(digits / 2));
  yield set("NUL", () => "\u0000".repeat(digits));
  yield set("very long", () => "a".repeat(100_000));
}

function* spoilArray(
  shape: Extract<Shape, { kind: "array" }>,
  at: string,
  canary: string,
): Generator<Mutation> {
  const onList = (how: string, change: (list: readonly unknown[]) => unknown): Mutation => ({
    name: `${at} ${how}`,
    apply: (value) => (Array.isArray(value) ? change(value) : value),
  });
  yield onList("named twice", (list) => [...list, ...list]);
  yield onList("too many", (list) => Array.from({ length: shape.most + 1 }, () => list[0] ?? 0));
  yield onList("as an object", (list) => Object.assign({}, list, { length: list.length }));
  for (const inner of spoil(shape.item, `${at}[]`, canary)) {
    yield {
      name: inner.name,
      apply: (value, random) =>
        Array.isArray(value) && value.length > 0
          ? [...value.slice(0, -1), inner.apply(value.at(-1), random)]
          : [inner.apply(undefined, random)],
    };
  }
}

function* spoilObject(
  shape: Extract<Shape, { kind: "object" }>,
  at: string,
  canary: string,
): Generator<Mutation> {
  const fields = (value: unknown): Record<string, unknown> =>
    typeof value === "object" && value !== null ? { ...value } : {};
  for (const name of ["__proto__", "constructor", "toString", canary]) {
    yield {
      name: `${at} more: ${name === canary ? "canary" : name}`,
      apply: (value) => Object.fromEntries([...Object.entries(fields(value)), [name, canary]]),
    };
  }
  for (const [name, field] of shape.entries) {
    for (const inner of spoil(field, `${at}.${name}`, canary)) {
      yield {
        name: inner.name,
        apply(value, random) {
          const copy = fields(value);
          const spoiled = inner.apply(copy[name], random);
          if (spoiled === undefined) delete copy[name];
          else copy[name] = spoiled;
          return copy;
        },
      };
    }
  }
}
