/**
 * `pnpm bench`: every figure that the project claims, as medians beside peers measured in the same run.
 * `pnpm bench engine` or `pnpm bench latency` runs one part; `--sizes 2,10` chooses the group sizes, and
 * `--rows messages,warm` rows of the engine's table: messages, joins, sparse, warm, adds, storage, size.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { benchEngine, type Part, PARTS } from "./engine/bench-engine.ts";
import { formatTable } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sizes: { type: "string", default: "2,10,100,1000,10000" },
    rows: { type: "string", default: PARTS.join(",") },
  },
});
const runs = (part: string) => positionals.length === 0 || positionals.includes(part);

if (runs("engine")) {
  const sizes = values.sizes.split(",").map(Number);
  if (sizes.some((size) => !Number.isSafeInteger(size) || size < 2)) {
    fail("--sizes takes whole numbers from 2 on, separated by commas");
  }
  const rows = values.rows.split(",");
  const parts = PARTS.filter((part) => rows.includes(part));
  if (parts.length !== rows.length) fail(`--rows takes some of ${PARTS.join(", ")}, separated by commas`);
  await benchEngineTo(process.stdout, parts, sizes);
}
if (runs("latency")) {
  // The people and their browsers live in e2e, which nothing imports: it prints its own table.
  const { status } = spawnSync("pnpm", ["--filter", "e2e", "latency"], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

async function benchEngineTo(
  out: NodeJS.WritableStream,
  parts: readonly Part[],
  sizes: readonly number[],
): Promise<void> {
  out.write("Engine in a Chromium worker, suite 0x0001, medians of interleaved runs:\n\n");
  out.write(`${formatTable(await benchEngine(parts, sizes))}\n\n`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
