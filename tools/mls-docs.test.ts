import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { apiPath, exportedNames, renderApi } from "./mls-api.ts";

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

describe("the API reference of the MLS engine", () => {
  const page = readFileSync(apiPath, "utf8");
  const documented = [...page.matchAll(/^### (.+)$/gm)].map(([, name = ""]) => name);

  test("it is what the source says: `pnpm --filter mls api` writes it anew", () => {
    expect(page).toBe(renderApi());
  });

  test("it has every exported name and no other", async () => {
    expect(new Set(documented).size).toBe(documented.length);
    expect(new Set(documented)).toEqual(new Set(exportedNames().map(({ name }) => name)));
    const engine: object = await import("../packages/mls/src/index.ts");
    const server: object = await import("../packages/mls/src/public.ts");
    for (const name of [...Object.keys(engine), ...Object.keys(server)]) {
      if (name !== "codec") expect(documented).toContain(name);
    }
  });

  test("every type of the engine that a declaration names has an entry, but for what no caller names", () => {
    const types = new Set(
      sourceFiles().flatMap((text) => namesIn(text, /^(?:export )?(?:interface|type|class) (\w+)/gm)),
    );
    const codes = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
    const words = codes.flatMap((code) => namesIn(withoutProse(code), /\b([A-Z]\w*)\b/g));
    const entries = new Set(documented.map((name) => name.replace("codec.", "")));
    const missing = new Set(words.filter((word) => types.has(word) && !entries.has(word)));
    expect([...missing].toSorted()).toEqual(NOT_NAMED);
  });

  test("every function and constant has a sentence", () => {
    const entries = page.split(/^### /m).slice(1);
    const silent = entries.filter(
      (entry) => /^[^]*?```ts\n(?:function|const|class) /.test(entry) && proseOf(entry) === "",
    );
    expect(silent.map((entry) => entry.split("\n")[0])).toEqual([]);
  });
});

test("what was checked says of the mutants what their own table says", () => {
  const docs = join(root, "packages/mls/docs");
  const all = /^\| all +\| +(\d+) \| +(\d+) \| +(\S+ %) \|$/m;
  const [, killed, survived, share] = all.exec(readFileSync(join(docs, "mutation.md"), "utf8")) ?? [];
  const mutants = Number(killed) + Number(survived);
  expect(readFileSync(join(docs, "checked.md"), "utf8")).toContain(
    `| ${killed} of ${mutants} mutants killed (${share}) `,
  );
});

/** The parts of a state, and what a codec reads from and writes to. */
const NOT_NAMED = [
  "ExporterTree",
  "KeptSecrets",
  "NodePrivateKeys",
  "RatchetTree",
  "Reader",
  "SecretTree",
  "Writer",
];

function sourceFiles(): string[] {
  const source = join(root, "packages/mls/src");
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/^(?:fuzz|testing|vectors)\/|\.test\.ts$/.test(path))
    .map((path) => readFileSync(join(source, path), "utf8"));
}

const namesIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, name = ""]) => name);

/** A declaration without its comments and strings. */
function withoutProse(code: string): string {
  return code.replace(/\/\*[^]*?\*\/|\/\/.*$|"[^"]*"/gm, "");
}

/** What stands between the heading and the declaration, without the mark of the server's part. */
function proseOf(entry: string): string {
  return entry.slice(entry.indexOf("\n"), entry.indexOf("```")).replace("_server._", "").trim();
}

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
