/**
 * The API reference of packages/mls, made from what its two entry points export, with the compiler's declarations and
 * the docstrings in the source. `node tools/mls-api.ts` (or `pnpm --filter mls api`) writes it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";

const root = join(import.meta.dirname, "..");
const source = join(root, "packages/mls/src");
const bin = (name: string): string => join(root, "node_modules/.bin", name);

export const apiPath = join(root, "packages/mls/docs/api.md");

/** Chapters by the module that declares a name; what no chapter claims comes last. */
const CHAPTERS: readonly (readonly [title: string, modules: RegExp])[] = [
  ["Founding and joining", /^group\/(create-group|join-|export-group-info|check-group-info)/],
  ["The state of a group", /^(group\/group-state|group-context|tree\/)/],
  ["Messages", /^(group\/(send-message|process-message)|framing\/|parse-header)/],
  ["Commits", /^group\/(commit-intent|stage-commit|staged-commit|receive-commit)/],
  ["Proposals and pre-shared keys", /^(proposal|group\/(proposal-rules|pre-shared-keys|external-proposal))/],
  ["Groups that follow others", /^group\/(successor|predecessor|reinit|open-welcome)/],
  ["Late messages and limits", /^(group\/(past-epoch(?!-records)|limits)|schedule\/)/],
  ["Exported secrets", /^group\/safe-exporter/],
  ["Storage", /^(group\/(records|past-epoch-records|held-secrets)|record-diff)/],
  ["What the application decides", /^group\/(authentication|external-policy)/],
  [
    "Key packages and leaves",
    /^(check-key-package|create-key-package|key-package|leaf-node|credential|last-resort|lifetime)/,
  ],
  ["Extensions", /^(extension|content-advertisement|app-components)/],
  ["Cipher suites and keys", /^crypto\//],
  ["Errors", /^errors/],
  ["Codec", /^(codec\/|version)/],
];

interface Exported {
  readonly name: string;
  /** The name in its own module. */
  readonly inner: string;
  /** The declaring module below src, without ".ts". */
  readonly module: string;
  readonly atServer: boolean;
}

interface Declaration {
  readonly prose: string;
  readonly code: string;
}

/** The reference as it should be. */
export function renderApi(): string {
  const folder = mkdtempSync(join(tmpdir(), "thicket-api-"));
  try {
    const project = join(root, "packages/mls/tsconfig.json");
    const options = ["--composite", "false", "--incremental", "false", "--outDir", folder];
    execFileSync(bin("tsc"), ["-p", project, ...options], { stdio: ["ignore", "inherit", "inherit"] });
    const modules = new Map<string, ReadonlyMap<string, Declaration>>();
    const declarationOf = ({ module, inner }: Exported): Declaration => {
      const known = modules.get(module) ?? readDeclarations(join(folder, `${module}.d.ts`));
      modules.set(module, known);
      const found = known.get(inner);
      if (found === undefined) throw new Error(`no declaration of ${inner} in ${module}`);
      return found;
    };
    return formatted(renderPage(exportedNames(), declarationOf));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every name that index.ts exports, in its order. */
export function exportedNames(): Exported[] {
  const server = exportsOf("public").map((entry) => ({ ...entry, atServer: true }));
  const names = new Map(server.map((entry) => [entry.name, entry]));
  for (const entry of exportsOf("index")) {
    if (!names.has(entry.name)) names.set(entry.name, { ...entry, atServer: false });
  }
  // `export * as codec`
  const codec = declaredIn("codec/codec").map((inner) => ({
    name: `codec.${inner}`,
    inner,
    module: "codec/codec",
    atServer: true,
  }));
  return [...names.values(), ...codec.filter(({ inner }) => !names.has(inner))];
}

function exportsOf(entry: string): Omit<Exported, "atServer">[] {
  const text = readFileSync(join(source, `${entry}.ts`), "utf8");
  const found: Omit<Exported, "atServer">[] = [];
  for (const [, list = "", from = ""] of text.matchAll(
    /export (?:type )?\{([^}]*)\} from "\.\/([^"]+)\.ts"/g,
  )) {
    for (const item of list.split(",").map((part) => part.trim().replace(/^type /, ""))) {
      if (item === "") continue;
      const [inner = "", name = inner] = item.split(" as ");
      found.push({ name, ...origin(from, inner) });
    }
  }
  return found;
}

/** Where a name is declared: a module may hand on what another one declares. */
function origin(module: string, name: string): { module: string; inner: string } {
  const text = readFileSync(join(source, `${module}.ts`), "utf8");
  const declared = new RegExp(
    `^export (?:async )?(?:function\\*?|const|class|interface|type) ${name}\\b`,
    "m",
  );
  if (declared.test(text)) return { module, inner: name };
  const imports = text.matchAll(/(?:import|export) (?:type )?\{([^}]*)\} from "(\.[^"]+)\.ts"/g);
  for (const [, list = "", from = ""] of imports) {
    if (list.split(",").some((part) => part.trim().replace(/^type /, "") === name)) {
      return origin(posix.join(posix.dirname(module), from), name);
    }
  }
  throw new Error(`${module} exports ${name} from nowhere`);
}

/** The top-level declarations of a .d.ts file, as the compiler writes them. */
function readDeclarations(path: string): Map<string, Declaration> {
  const found = new Map<string, Declaration>();
  let rowProse = "";
  const statement =
    /(?:^\/\*\*((?:(?!\*\/)[^])*)\*\/\n)?^export (?:declare )?((?:function|const|class|interface|type) (\w+)[^]*?)(?=^(?:\/\*\*|export|import|declare|type|interface)|(?![^]))/gm;
  for (const [, comment = "", code = "", name = ""] of readFileSync(path, "utf8").matchAll(statement)) {
    const known = found.get(name);
    // One comment may stand over a row of constants.
    const isConstant = code.startsWith("const");
    const prose = comment.replace(/^\s*\* ?/gm, "").trim() || (isConstant ? rowProse : "");
    rowProse = isConstant ? prose : "";
    const plain = code.replaceAll(/import\("[^"]*"\)\./g, "").trim();
    found.set(name, { prose: known?.prose ?? prose, code: `${known?.code ?? ""}${plain}\n` });
  }
  return found;
}

function renderPage(names: readonly Exported[], declarationOf: (entry: Exported) => Declaration): string {
  const parts = [
    "# API reference",
    "Every name that `@thicket/mls` exports, with its declaration. [The guide](../README.md) shows them at work. Made from the source by `pnpm --filter mls api`: a test compares the two.",
    "Names marked _server_ are also exported by `@thicket/mls/public`, the part for a server: no group state and no secrets. A failure is an [`MlsError`](#mlserror) whose code is named where it arises; a `RangeError` or `TypeError` is a mistake of the caller. What isn't named each time: bytes that are no such structure end in a code that begins with `DECODE_`, in `VERSION_UNSUPPORTED` or in `EXTENSION_DUPLICATE`, and where there is no WebCrypto, what needs it in `CRYPTO_UNAVAILABLE`.",
  ];
  const left = new Set(names);
  for (const [title, modules] of [...CHAPTERS, ["More", /^/] as const]) {
    const own = [...left].filter(({ module }) => modules.test(module));
    if (own.length === 0) continue;
    parts.push(`## ${title}`);
    for (const entry of own) {
      left.delete(entry);
      const { prose, code } = declarationOf(entry);
      const asExported = entry.name.includes(".") ? code : code.replace(entry.inner, entry.name);
      parts.push(`### ${entry.name}`, `${entry.atServer ? "_server._ " : ""}${prose}`.trim());
      parts.push(entry.name === "MlsErrorCode" ? codeTable() : `\`\`\`ts\n${asExported}\`\`\``);
    }
  }
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** The error codes with the comments that stand beside them. */
function codeTable(): string {
  const text = readFileSync(join(source, "errors.ts"), "utf8");
  const rows = [...text.matchAll(/^ {2}\| "([A-Z_]+)";?(?: \/\/ (.*))?$/gm)];
  return [
    "| code | when |",
    "| --- | --- |",
    ...rows.map(([, code, when = ""]) => `| ${code} | ${when} |`),
  ].join("\n");
}

function declaredIn(module: string): string[] {
  const text = readFileSync(join(source, `${module}.ts`), "utf8");
  return [...text.matchAll(/^export (?:function|const|interface|type) (\w+)/gm)].map(([, name = ""]) => name);
}

function formatted(markdown: string): string {
  return execFileSync(bin("oxfmt"), ["--stdin-filepath=packages/mls/docs/api.md"], {
    cwd: root,
    input: markdown,
    encoding: "utf8",
  });
}

if (import.meta.main) writeFileSync(apiPath, renderApi());
