import { bytesToHex } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { vectorFiles } from "../testing/vectors.ts";
import { hex } from "./compare.ts";
import { readVectorFile, vectorFormats } from "./formats.ts";

type Path = readonly (string | number)[];

/** The one field of a Remove or an Add that its result doesn't show: who proposed it. */
const NOT_SHOWN = new Set(["tree-operations proposal_sender"]);
/** These files hold bytes of no meaning in well-formed structures: only the structure can be wrong. */
const STRUCTURE_ONLY = new Set(["messages"]);

const official = vectorFiles();
if (official === undefined) {
  describe.skip("official vectors: the checks read every field (no such folder: set VECTORS_DIR)", () =>
    test("absent", () => undefined));
}
const files = (official ?? []).map(({ name, text }) => readVectorFile(name, text));

for (const format of vectorFormats) {
  const vector = smallest(files.flatMap((file) => (file.format === format ? file.cases : [])));
  if (vector === undefined) continue;
  describe(`official vectors: the check of ${format.name} reads every field`, () => {
    test.each(fieldsOf(vector))("%s", async (field, path) => {
      if (NOT_SHOWN.has(`${format.name} ${field}`)) return;
      const changes = STRUCTURE_ONLY.has(format.name)
        ? [cut]
        : [flip(() => 0), flip((length) => length >> 1), flip((length) => length - 1)];
      const verdicts = changes.map((change) =>
        format.check(changed(vector, path, change)).then(
          () => "accepted",
          () => "refused",
        ),
      );
      expect(await Promise.all(verdicts)).toContain("refused");
    });
  });
}

/** The shortest case of those with the most kinds of fields. */
function smallest(cases: readonly object[]): object | undefined {
  const ranked = cases
    .map((vector) => ({ vector, kinds: fieldsOf(vector).length, size: JSON.stringify(vector).length }))
    .sort((a, b) => b.kinds - a.kinds || a.size - b.size);
  return ranked[0]?.vector;
}

/** A path to one value of each kind of field, array positions left out of the kind: the last that is there. */
function fieldsOf(vector: object): [field: string, path: Path][] {
  const found = new Map<string, Path>();
  const walk = (value: unknown, path: Path): void => {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        walk(inner, [...path, Array.isArray(value) ? Number(key) : key]);
      }
    } else if (value !== null) {
      found.set(path.filter((key) => typeof key === "string").join("."), path);
    }
  };
  walk(vector, []);
  return [...found];
}

function changed(vector: object, path: Path, change: (value: unknown) => unknown): object {
  const copy = JSON.parse(JSON.stringify(vector)) as object;
  let holder: object = copy;
  for (const key of path.slice(0, -1)) holder = Reflect.get(holder, key) as object;
  const last = path.at(-1) ?? "";
  Reflect.set(holder, last, change(Reflect.get(holder, last)));
  return copy;
}

/** Changes one bit of the byte at the place that `at` gives. */
function flip(at: (length: number) => number): (value: unknown) => unknown {
  return (value) =>
    changeBytes(value, (bytes) => bytes.map((byte, i) => (i === at(bytes.length) ? byte ^ 1 : byte)));
}

function cut(value: unknown): unknown {
  return changeBytes(value, (bytes) => bytes.subarray(0, -1));
}

function changeBytes(value: unknown, change: (bytes: Uint8Array) => Uint8Array): unknown {
  if (typeof value === "number") return value + 3; // suites 1 and 2 share their hash
  if (typeof value !== "string") throw new Error(`a field of type ${typeof value}`);
  return /^([0-9a-f]{2})+$/i.test(value) ? bytesToHex(change(hex(value))) : `${value}00`;
}
