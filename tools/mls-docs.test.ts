import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const guide = readFileSync(join(root, "packages/mls/README.md"), "utf8");
/** The examples are one program. */
const program = [...guide.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, block = ""]) => block).join("\n");

describe("the guide of the MLS engine", () => {
  const folder = mkdtempSync(join(tmpdir(), "thicket-guide-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("its examples have right types", () => {
    // As a project would have it that depends on the package.
    mkdirSync(join(folder, "node_modules/@thicket"), { recursive: true });
    symlinkSync(join(root, "packages/mls"), join(folder, "node_modules/@thicket/mls"));
    symlinkSync(join(root, "node_modules/@types"), join(folder, "node_modules/@types"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(folder, "guide.ts"), program);
    const tsconfig = {
      extends: join(root, "tsconfig.base.json"),
      compilerOptions: {
        composite: false,
        declaration: false,
        emitDeclarationOnly: false,
        noEmit: true,
        types: ["node"],
      },
      files: ["guide.ts"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
    expect(outputOf(join(root, "node_modules/.bin/tsc"), ["-p", folder])).toBe("");
  });

  test("its examples print what they say", () => {
    const said = [...program.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line);
    // Read from standard input, the program is a module of the package itself, which finds the package by its name.
    const printed = outputOf(process.execPath, ["--input-type=module-typescript"], program);
    expect(printed.trimEnd().split("\n")).toEqual(said);
    expect(said.length).toBeGreaterThan(10);
  });
});

function outputOf(command: string, args: string[], input = ""): string {
  try {
    return execFileSync(command, args, {
      cwd: join(root, "packages/mls"),
      input,
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch (error) {
    if (error instanceof Error && "stdout" in error && "stderr" in error) {
      throw new Error(`${String(error.stdout)}${String(error.stderr)}`, { cause: error });
    }
    throw error;
  }
}
