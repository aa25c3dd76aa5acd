import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "thicket-vectors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// A format is known by its fields whatever the file is called, and by its name where the fields are not all there.
const header = { vlbytes_header: "7bbd", length: 15293 };
const files: Record<string, unknown> = {
  "right/of another name.json": [header, { vlbytes_header: "25", length: 37 }],
  "right/deep/down/tree-math.json": [
    { n_leaves: 1, n_nodes: 1, root: 0, left: [null], right: [null], parent: [null], sibling: [null] },
  ],
  "right/package.json": { name: "no vectors" },
  "wrong/deserialization.json": [header, { ...header, length: 15292 }],
  "wrong/treekem-more.json": [{ cipher_suite: 1 }],
  "wrong/welcome.json": "not JSON",
  "wrong/psk_secret.json": [],
  "empty/package.json": { name: "no vectors" },
};
for (const [name, content] of Object.entries(files)) {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
}

test("the vectors' command finds known formats in any folder, given as seen from where it was called", async () => {
  const { status, lines } = await vectors("right", folder);
  expect(lines).toContain("of another name.json: deserialization, 2 passed, 0 failed");
  expect(lines).toContain("deep/down/tree-math.json: tree-math, 1 passed, 0 failed");
  expect(lines).toContain("package.json: no known format, left out");
  expect(lines.at(-1)).toBe("3 passed, 0 failed");
  expect(status).toBe(0);
});

test("the vectors' command fails with each case that differs, and with what can't be read", async () => {
  const { status, lines } = await vectors("wrong", folder);
  expect(lines).toContain("deserialization.json: case 1: VectorMismatch: length: 15293 instead of 15292");
  expect(lines).toContain("deserialization.json: deserialization, 1 passed, 1 failed");
  expect(lines).toContain("treekem-more.json: treekem, 0 passed, 1 failed");
  expect(lines.find((line) => line.startsWith("welcome.json: not read"))).toBeDefined();
  expect(lines).toContain("psk_secret.json: psk_secret, 0 passed, 1 failed");
  expect(lines.at(-1)).toBe("1 passed, 4 failed");
  expect(status).toBe(1);
});

test("the vectors' command fails where it finds nothing", async () => {
  for (const place of ["empty", "nowhere"]) {
    const { status, lines } = await vectors(place, folder);
    expect(lines.at(-1)).toBe("0 passed, 0 failed");
    expect(status).toBe(1);
  }
});

/** `INIT_CWD` is what pnpm sets to the folder in which it was called. */
function vectors(place: string, from: string): Promise<{ status: number; lines: string[] }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["src/vectors/main.ts", place],
      { cwd: join(root, "packages/mls"), env: { ...process.env, INIT_CWD: from } },
      (error, output) => {
        resolve({
          status: typeof error?.code === "number" ? error.code : 0,
          lines: output.trimEnd().split("\n"),
        });
      },
    );
  });
}
