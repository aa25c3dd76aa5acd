/**
 * `pnpm --filter mls mutate [AREA...]`: mutation testing of the rules of packages/mls with Stryker, an area at a time,
 * or those that are named. Prints each mutant that no test noticed, then the score per file; keeps the table in
 * packages/mls/docs/mutation.md and its sum in checked.md up to date and fails where the whole kills less than 85 %.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Area {
  readonly name: string;
  /** What is mutated, and the tests that should notice: patterns in packages/mls/src. Stryker takes no comma in one. */
  readonly files: readonly string[];
  readonly tests: readonly string[];
}

const inFolder = (folder: string, extension: string, names: string): string[] =>
  names.split(" ").map((name) => `${folder}${name}${extension}`);
const groupFiles = (names: string): string[] => inFolder("group/", ".ts", names);
const groupTests = (names: string): string[] => inFolder("group/", ".test.ts", names);

/** Of the tests those come first that notice most. */
const AREAS: readonly Area[] = [
  {
    name: "framing",
    files: ["framing/*.ts", "parse-header.ts"],
    tests: ["framing/*.test.ts", "parse-header.test.ts", ...groupTests("messages public-framing limits")],
  },
  {
    name: "tree",
    files: inFolder("tree/", ".ts", "validate-tree key-uniqueness update-path tree-extension"),
    tests: [
      "tree/*.test.ts",
      ...groupTests("commit-rules strict-validation join-rules proposal-rules own-path"),
    ],
  },
  {
    name: "leaves",
    files: inFolder(
      "",
      ".ts",
      "check-key-package check-certificates certificate-chain read-certificate leaf-node extension lifetime",
    ),
    tests: [
      ...inFolder("", ".test.ts", "key-package certificate-rules content-advertisement last-resort"),
      ...groupTests("lifetime-rules proposal-rules commit-rules join-rules"),
    ],
  },
  {
    name: "parents",
    files: inFolder("tree/", ".ts", "parent-hash resolution"),
    tests: ["tree/*.test.ts", ...groupTests("join-rules commit-rules own-path resulting-tree")],
  },
  {
    name: "extensions",
    files: [
      ...inFolder("", ".ts", "app-components content-advertisement last-resort own-capabilities"),
      "group/component-rules.ts",
    ],
    tests: [
      ...inFolder("", ".test.ts", "content-advertisement last-resort key-package"),
      ...groupTests("component-rules sender-rules"),
    ],
  },
  {
    name: "ratchets",
    files: inFolder("schedule/", ".ts", "ratchet seen-messages secret-tree"),
    tests: ["schedule/*.test.ts", ...groupTests("limits messages records")],
  },
  {
    name: "proposals",
    files: groupFiles("proposal-rules apply-proposals resulting-tree select-proposals"),
    tests: groupTests(
      "proposal-rules resulting-tree strict-validation successor-group external-proposal messages",
    ),
  },
  {
    name: "joining",
    files: groupFiles("join-group check-group-info open-welcome"),
    tests: groupTests("join-rules group-info group pre-shared-keys external-commit"),
  },
  {
    name: "commits",
    files: groupFiles("receive-commit process-message"),
    tests: groupTests("commit-rules strict-validation messages public-framing own-path limits"),
  },
  {
    name: "credentials",
    files: groupFiles("leaf-rules authentication"),
    tests: [
      ...groupTests("proposal-rules join-rules commit-rules external-commit-rules strict-validation"),
      "certificate-rules.test.ts",
    ],
  },
  {
    name: "external",
    files: groupFiles("*external*"),
    tests: groupTests("external-commit-rules external-proposal external-commit group-info public-framing"),
  },
  {
    name: "successor",
    files: groupFiles("reinit successor-rules successor-group predecessor"),
    tests: groupTests("successor-group"),
  },
];

interface Score {
  readonly file: string;
  readonly killed: number;
  readonly survived: number;
}

const LEAST = 0.85;
const mls = join(import.meta.dirname, "../packages/mls");
const table = join(mls, "docs/mutation.md");
const checked = join(mls, "docs/checked.md");

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !AREAS.some((area) => area.name === name));
if (unknown.length > 0) {
  throw new Error(`no area ${unknown.join(", ")}: there are ${AREAS.map(({ name }) => name).join(", ")}`);
}
const scores = new Map(readTable().map((score) => [score.file, score]));
for (const area of AREAS) {
  if (wanted.length > 0 && !wanted.includes(area.name)) continue;
  for (const score of await runArea(area)) scores.set(score.file, score);
  writeTable([...scores.values()]);
}
const total = sum([...scores.values()]);
process.stdout.write(`all files: ${percent(total)} of ${total.killed + total.survived} mutants killed\n`);
process.exitCode = share(total) >= LEAST ? 0 : 1;

async function runArea({ name, files, tests }: Area): Promise<Score[]> {
  const inSource = (path: string): string => `src/${path}`;
  const mutate = [...files.map(inSource), "!src/**/*.test.ts"];
  const runner = join(import.meta.dirname, "mutation-runner.ts");
  const options = ["--plugins", runner, "--testRunner", "in-process", "--mutate", mutate.join(",")];
  const run = spawn("stryker", ["run", ...options], {
    cwd: mls,
    stdio: "inherit",
    env: { ...process.env, MUTATION_TESTS: tests.map(inSource).join(";") },
  });
  const [status] = await once(run, "close");
  if (status !== 0) throw new Error(`Stryker ended with ${String(status)} in the area ${name}`);
  const report: Report = JSON.parse(readFileSync(join(mls, ".stryker/mutation.json"), "utf8"));
  return Object.entries(report.files).map(([file, { source, mutants }]) => {
    const count = (...statuses: string[]) => mutants.filter((mutant) => statuses.includes(mutant.status));
    const unnoticed = count("Survived", "NoCoverage");
    for (const { location, mutatorName, replacement } of unnoticed) {
      const line = source.split("\n")[location.start.line - 1]?.trim();
      process.stdout.write(`${file}:${location.start.line} ${mutatorName}: ${line} -> ${replacement}\n`);
    }
    const score = { file, killed: count("Killed", "Timeout").length, survived: unnoticed.length };
    process.stdout.write(`${file}: ${percent(score)}\n`);
    return score;
  });
}

/** What is read of Stryker's report, in the format of mutation-testing-elements. */
interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string;
        readonly mutants: readonly {
          readonly status: string;
          readonly mutatorName: string;
          readonly replacement?: string;
          readonly location: { readonly start: { readonly line: number } };
        }[];
      }
    >
  >;
}

function readTable(): Score[] {
  return [...readFileSync(table, "utf8").matchAll(/^\| (src\/\S+) +\| +(\d+) \| +(\d+) \|/gm)].map(
    ([, file = "", killed, survived]) => ({ file, killed: Number(killed), survived: Number(survived) }),
  );
}

function writeTable(all: readonly Score[]): void {
  const rows = [...all].sort((a, b) => (a.file < b.file ? -1 : 1));
  const line = (cells: readonly (string | number)[]): string => {
    const [file, ...figures] = cells.map(String);
    return `| ${(file ?? "").padEnd(38)} | ${figures.map((figure) => figure.padStart(8)).join(" | ")} |`;
  };
  const lines = [
    line(["file", "killed", "survived", "score"]),
    `| ${"-".repeat(38)} | ${"-".repeat(7)}: | ${"-".repeat(7)}: | ${"-".repeat(7)}: |`,
    ...rows.map((score) => line([score.file, score.killed, score.survived, percent(score)])),
    line(["all", sum(rows).killed, sum(rows).survived, percent(sum(rows))]),
  ];
  const text = readFileSync(table, "utf8");
  const head = text.slice(0, text.indexOf("| file"));
  writeFileSync(table, `${head}${lines.join("\n")}\n`);
  writeSum(sum(rows));
}

/** The same sum in the table of all that was checked. */
function writeSum(all: Score): void {
  const cell = `${all.killed} of ${all.killed + all.survived} mutants killed (${percent(all)})`;
  const text = readFileSync(checked, "utf8");
  const written = text.replace(/\d+ of \d+ mutants killed \(\S+ %\) *(?=\|)/, (old) =>
    `${cell} `.padEnd(old.length),
  );
  writeFileSync(checked, written);
}

function sum(all: readonly Score[]): Score {
  const add = (key: "killed" | "survived") => all.reduce((so, score) => so + score[key], 0);
  return { file: "all", killed: add("killed"), survived: add("survived") };
}

function share({ killed, survived }: Score): number {
  return killed / Math.max(1, killed + survived);
}

function percent(score: Score): string {
  return `${(100 * share(score)).toFixed(1)} %`;
}
