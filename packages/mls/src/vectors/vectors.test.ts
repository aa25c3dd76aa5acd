import { stdout } from "node:process";
import { describe, expect, test } from "vitest";
import { supportedCipherSuites } from "../crypto/cipher-suite.ts";
import { vectorFiles } from "../testing/vectors.ts";
import { readVectorFile, suiteOf, vectorFormats } from "./formats.ts";

const files = vectorFiles();
const built = new Set(supportedCipherSuites());
const isBuilt = (vector: object): boolean => built.has(suiteOf(vector) ?? 1);

if (files === undefined) {
  describe.skip("official vectors (no such folder: set VECTORS_DIR)", () => {
    test.each(vectorFormats)("$name", () => undefined);
  });
}

let total = 0;
for (const { name, text } of files ?? []) {
  const { format, cases } = readVectorFile(name, text);
  total += format === undefined ? 0 : cases.filter(isBuilt).length;
  describe(`official vectors: ${name}`, () => {
    test("the file is of a known format and has cases", () => {
      expect(format?.name).toBeDefined();
      expect(cases.length).toBeGreaterThan(0);
    });
    const waiting = new Map<number, number>();
    cases.forEach((vector, index) => {
      const suite = suiteOf(vector);
      if (suite !== undefined && !isBuilt(vector)) {
        waiting.set(suite, (waiting.get(suite) ?? 0) + 1);
        return;
      }
      test(suite === undefined ? `case ${index}` : `case ${index}, suite ${suite}`, () =>
        format?.check(vector),
      );
    });
    for (const [suite, count] of waiting) {
      stdout.write(`${name}: suite ${suite} not built yet: ${count} cases\n`);
    }
  });
}
if (files !== undefined) stdout.write(`official vectors: ${total} cases in ${files.length} files\n`);
