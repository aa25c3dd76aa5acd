import { describe, expect, test } from "vitest";
import { readVectorFile, suiteOf, vectorFormats } from "../vectors/formats.ts";

/**
 * A test for each case of these vector files, and the count of them said. Without files (the folder is absent) the
 * formats are skipped by name.
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
  for (const { name, text } of files) total += describeFile(name, text);
  say(`official vectors: ${total} cases in ${files.length} files`);
}

/** Returns the number of cases. */
function describeFile(name: string, text: string): number {
  const { format, cases } = readVectorFile(name, text);
  describe(`official vectors: ${name}`, () => {
    test("the file is of a known format and has cases", () => {
      expect(format?.name).toBeDefined();
      expect(cases.length).toBeGreaterThan(0);
    });
    for (const [index, vector] of cases.entries()) {
      const suite = suiteOf(vector);
      test(suite === undefined ? `case ${index}` : `case ${index}, suite ${suite}`, () =>
        format?.check(vector),
      );
    }
  });
  return cases.length;
}
