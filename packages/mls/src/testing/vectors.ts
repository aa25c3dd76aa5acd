import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { env, stdout } from "node:process";
import { hexToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { cipherSuite, supportedCipherSuites } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";

const repository = join(import.meta.dirname, "../../../..");
const folder = join(env["VECTORS_DIR"] ?? join(repository, "../shared/vectors"), "mls");

// oxlint-disable typescript/no-unsafe-type-assertion, typescript/no-unnecessary-type-parameters -- the caller states
// the shape of the published file; a wrong one fails its checks.
/**
 * Runs `check` on every case of an official vector file (mlswg/mls-implementations, test-vectors.md). Cases of a
 * cipher suite that this build lacks are counted and named. Where the files are absent, the suite is skipped by name.
 */
export function describeVectors<T extends object>(
  file: string,
  check: (vector: T, index: number) => void | Promise<void>,
): void {
  const vectors = readVectors<T>(file);
  if (vectors === undefined) {
    describe.skip(`official vectors: ${file} (no such file: set VECTORS_DIR)`, () =>
      test("absent", () => undefined));
    return;
  }
  const built = new Set(supportedCipherSuites());
  const waiting = new Map<number, number>();
  describe(`official vectors: ${file}`, () => {
    test("the file has cases", () => expect(vectors.length).toBeGreaterThan(0));
    vectors.forEach((vector, index) => {
      const suite = suiteOf(vector);
      if (suite !== undefined && !built.has(suite)) {
        waiting.set(suite, (waiting.get(suite) ?? 0) + 1);
        return;
      }
      test(suite === undefined ? `case ${index}` : `case ${index}, suite ${suite}`, () =>
        check(vector, index),
      );
    });
    for (const [suite, count] of waiting) {
      test(`suite ${suite} not built yet: ${count} cases`, () => {
        stdout.write(`${file}: suite ${suite} not built yet: ${count} cases\n`);
        expect(() => cipherSuite(suite)).toThrow(MlsError);
      });
    }
  });
}

/** The cases of an official vector file; undefined where the file is absent. */
export function readVectors<T extends object>(file: string): T[] | undefined {
  const path = join(folder, `${file}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T[]) : undefined;
}

/** The bytes of a vector's hexadecimal field. */
export function hex(text: string): Uint8Array {
  return hexToBytes(text);
}

function suiteOf(vector: object): number | undefined {
  const suite: unknown = Reflect.get(vector, "cipher_suite");
  return typeof suite === "number" ? suite : undefined;
}
