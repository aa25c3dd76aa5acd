/**
 * `pnpm bench`: every figure that the project claims, as medians beside peers measured in the same run.
 * `pnpm bench engine`, `pnpm bench relay` or `pnpm bench latency` runs one part; `--sizes 2,10` chooses the group
 * sizes, and `--rows messages,warm` rows of a table. The engine's are messages, joins, sparse, warm, adds, storage and
 * size; the relay's fan-out, appends, acknowledgements, attach, idle and long-log.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { benchEngine, type Part, PARTS } from "./engine/bench-engine.ts";
import { benchRelay, RELAY_PARTS } from "./relay/bench-relay.ts";
import { formatTable } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sizes: { type: "string", default: "2,10,100,1000,10000" },
    rows: { type: "string" },
  },
});
const runs = (part: string) => positionals.length === 0 || positionals.includes(part);

if (runs("engine")) {
  const sizes = values.sizes.split(",").map(Number);
  if (sizes.some((size) => !Number.isSafeInteger(size) || size < 2)) {
    fail("--sizes takes whole numbers from 2 on, separated by commas");
  }
  await benchEngineTo(process.stdout, choose(PARTS), sizes);
}
if (runs("relay")) {
  const rows = choose(RELAY_PARTS);
  process.stdout.write(
    "One relay on one core, the load on another, loopback, medians of interleaved rounds:\n\n",
  );
  process.stdout.write(`${formatTable(await benchRelay(rows))}\n\n`);
}
if (runs("latency")) {
  // The people and their browsers live in e2e, which nothing imports: it prints its own table.
  const { status } = spawnSync("pnpm", ["--filter", "e2e", "latency"], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** The rows asked for, all of them where none are. */
function choose<T extends string>(known: readonly T[]): readonly T[] {
  if (values.rows === undefined) return known;
  const rows = values.rows.split(",");
  const chosen = known.filter((row) => rows.includes(row));
  if (chosen.length !== rows.length) fail(`--rows takes some of ${known.join(", ")}, separated by commas`);
  return chosen;
}

async function benchEngineTo(
  out: NodeJS.WritableStream,
  parts: readonly Part[],
  sizes: readonly number[],
): Promise<void> {
  out.write(
    "Engine in a Chromium worker, suite 0x0001 (0x0003 for OpenMLS and where it says so), medians of interleaved runs:\n\n",
  );
  out.write(`${formatTable(await benchEngine(parts, sizes))}\n\n`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
