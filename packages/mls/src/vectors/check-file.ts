import { readVectorFile, suiteOf } from "./formats.ts";

export interface CaseCount {
  passed: number;
  failed: number;
}

/**
 * Checks every case of a vector file, given as its name and text, and says a line for each that fails and one for the
 * file. A file of no known format counts as nothing; one that can't be read, or that has no cases, as one failure.
 */
export async function checkFile(name: string, text: string, say: (line: string) => void): Promise<CaseCount> {
  let file;
  try {
    file = readVectorFile(name, text);
  } catch (error) {
    say(`${name}: not read: ${String(error)}`);
    return { passed: 0, failed: 1 };
  }
  const { format, cases } = file;
  if (format === undefined) {
    say(`${name}: no known format, left out`);
    return { passed: 0, failed: 0 };
  }
  const count = { passed: 0, failed: 0 };
  for (const [index, vector] of cases.entries()) {
    try {
      await format.check(vector);
      count.passed++;
    } catch (error) {
      count.failed++;
      const suite = suiteOf(vector);
      say(`${name}: case ${index}${suite === undefined ? "" : `, suite ${suite}`}: ${String(error)}`);
    }
  }
  if (cases.length === 0) count.failed++;
  say(`${name}: ${format.name}, ${count.passed} passed, ${count.failed} failed`);
  return count;
}
