import { describe, expect, test } from "vitest";
import { supportedCipherSuites } from "../crypto/cipher-suite.ts";
import { readVectorFile, suiteOf, vectorFormats } from "../vectors/formats.ts";

/**
 * A test for each case of these vector files, and the count of them said. Without files (the folder is absent) the
 * formats are skipped by name. Cases of a cipher suite that this build lacks are counted and named.
 */
export function describeVectorFiles(
  files: readonly { readonly name: string; readonly text: string }[] | undefined,
  say: (line: string) => void,
): void {
  if (files === undefined) {
    describe.skip("official vectors (no such folder: set VECTORS_DIR)", () => {
      test.each(vectorFormats)("$name", () => undefined);
    });
    return;
  }
  let total = 0;
  for (const { name, text } of files) total += describeFile(name, text, say);
  say(`official vectors: ${total} cases in ${files.length} files`);
}

/** Returns the number of cases. */
function describeFile(name: string, text: string, say: (line: string) => void): number {
  const { format, cases } = readVectorFile(name, text);
  const built = new Set(supportedCipherSuites());
  const testable = [...cases.entries()].filter(([, vector]) => built.has(suiteOf(vector) ?? 1));
  describe(`official vectors: ${name}`, () => {
    test("the file is of a known format and has cases", () => {
      expect(format?.name).toBeDefined();
      expect(cases.length).toBeGreaterThan(0);
    });
    for (const [index, vector] of testable) {
      const suite = suiteOf(vector);
      test(suite === undefined ? `case ${index}` : `case ${index}, suite ${suite}`, () =>
        format?.check(vector),
      );
    }
  });
  if (testable.length < cases.length)
    say(`${name}: ${cases.length - testable.length} cases of suites not built yet`);
  return testable.length;
}
