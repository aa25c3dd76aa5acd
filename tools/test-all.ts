/**
 * The test command: every suite, one after the other, then one line over all of them.
 * A suite that can't be started counts as one failure, so nothing is lost silently.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCaddy } from "../apps/relay/src/testing/find-caddy.ts";
import { ensureCaddy } from "./ensure-caddy.ts";
import { findPostgres, findRedis } from "@thicket/storage/testing";
import { ensureChromium } from "./ensure-chromium.ts";
import { ensureFaketime } from "./ensure-faketime.ts";
import { ensureFirefox } from "./ensure-firefox.ts";
import { ensurePostgres } from "./ensure-postgres.ts";
import { ensureRedis } from "./ensure-redis.ts";
import { type Count, countCheck, countPlaywright, countSeeds, countVitest } from "./count-results.ts";

const reports = mkdtempSync(join(tmpdir(), "thicket-tests-"));
const only = process.argv.slice(2);
const vectors = process.env["VECTORS_DIR"] ?? join(import.meta.dirname, "../../shared/vectors");

interface Suite {
  name: string;
  command: string[];
  count: (run: { status: number; report: string; output: string }) => Count;
  /** What the command needs besides; where this throws, the suite has failed. */
  environment?: () => Record<string, string>;
}

const report = (name: string) => join(reports, `${name}.json`);
const suites: Suite[] = [
  { name: "types", command: ["pnpm", "types"], count: countCheck },
  { name: "lint", command: ["pnpm", "lint"], count: countCheck },
  { name: "format", command: ["pnpm", "format:check"], count: countCheck },
  { name: "knip", command: ["pnpm", "knip"], count: countCheck },
  {
    name: "unit",
    environment: askForServers,
    command: ["pnpm", "unit", "--reporter=default", "--reporter=json", `--outputFile.json=${report("unit")}`],
    count: countVitest,
  },
  {
    name: "browser",
    command: [
      "pnpm",
      "--filter",
      "web",
      "test:browser",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report("browser")}`,
    ],
    count: countVitest,
  },
  {
    name: "vectors-chromium",
    command: [
      "pnpm",
      "--filter",
      "web",
      "test:vectors",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report("vectors-chromium")}`,
    ],
    count: countVitest,
  },
  { name: "simulation", command: ["pnpm", "simulate", "--seeds", "100"], count: countSeeds },
  {
    name: "chaos",
    environment: askForClocks,
    command: ["pnpm", "chaos", "--operations", "3000", "--store", "sqlite"],
    count: countSeeds,
  },
  { name: "interop-openmls", command: ["pnpm", "interop", "openmls", "--seeds", "100"], count: countSeeds },
  {
    name: "interop-firefox",
    command: ["pnpm", "interop", "firefox", "--seeds", "60"],
    environment: () => ({ FIREFOX_PATH: ensureFirefox() }),
    count: countSeeds,
  },
  { name: "newcomer", command: ["node", "tools/newcomer.ts"], count: countCheck },
  { name: "build", command: ["pnpm", "build"], count: countCheck },
  {
    name: "e2e",
    command: ["pnpm", "e2e", "--reporter=list,json"],
    environment: () => ({ PLAYWRIGHT_JSON_OUTPUT_FILE: report("e2e"), FIREFOX_PATH: ensureFirefox() }),
    count: countPlaywright,
  },
];

async function main(): Promise<void> {
  const chromium = ensureChromium();
  const totals: Count = { passed: 0, failed: 0, skipped: 0 };
  const lines: string[] = [];
  for (const suite of suites) {
    if (only.length > 0 && !only.includes(suite.name)) continue;
    process.stdout.write(`\n=== ${suite.name}\n`);
    const started = Date.now();
    const count = await runSuite(suite, chromium);
    totals.passed += count.passed;
    totals.failed += count.failed;
    totals.skipped += count.skipped;
    lines.push(
      `${suite.name.padEnd(16)} ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped` +
        ` (${Math.round((Date.now() - started) / 1000)} s)`,
    );
  }
  rmSync(reports, { recursive: true, force: true });
  process.stdout.write(`\n${lines.join("\n")}\n\n`);
  if (totals.skipped > 0)
    process.stdout.write(`${totals.skipped} tests were skipped: see the names above.\n`);
  // Skipped may be only what needs the vectors, PostgreSQL, Redis or Caddy, and only where these aren't there.
  const servers = [findPostgres(), findRedis(), findCaddy()];
  const allThere = existsSync(vectors) && servers.every((path) => path !== undefined);
  if (allThere) totals.failed += totals.skipped;
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
  process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}

async function runSuite(suite: Suite, chromium: string): Promise<Count> {
  const [command = "", ...args] = suite.command;
  const environment = environmentOf(suite);
  if (environment === undefined) return suite.count({ status: 1, report: "", output: "" });
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment, CHROMIUM_PATH: chromium, FORCE_COLOR: "0" },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const [status]: (number | null)[] = await once(child, "close");
  return suite.count({ status: status ?? 1, report: readReport(suite.name), output });
}

function environmentOf(suite: Suite): Record<string, string> | undefined {
  try {
    return suite.environment?.() ?? {};
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

/** The suites that need them are skipped by name where they can't be installed. */
function askForServers(): Record<string, string> {
  return askFor([ensurePostgres, ensureRedis, ensureCaddy]);
}

/** Without them the run says which faults it couldn't play. */
function askForClocks(): Record<string, string> {
  return askFor([ensureFaketime]);
}

function askFor(what: readonly (() => string)[]): Record<string, string> {
  for (const ensure of what) {
    try {
      ensure();
    } catch (error) {
      process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  return {};
}

function readReport(name: string): string {
  try {
    return readFileSync(report(name), "utf8");
  } catch {
    return "";
  }
}

await main();
