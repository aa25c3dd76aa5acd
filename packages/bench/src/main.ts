/**
 * `pnpm bench`: every figure that the project claims, as medians beside peers measured in the same run.
 * `pnpm bench engine` or `pnpm bench latency` runs one part; `--sizes 2,10` chooses the group sizes.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { benchEngine } from "./engine/bench-engine.ts";
import { formatTable } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sizes: { type: "string", default: "2,10,100,1000" } },
});
const runs = (part: string) => positionals.length === 0 || positionals.includes(part);

if (runs("engine")) {
  const sizes = values.sizes.split(",").map(Number);
  if (sizes.some((size) => !Number.isSafeInteger(size) || size < 2)) {
    process.stderr.write("--sizes takes whole numbers from 2 on, separated by commas\n");
    process.exit(2);
  }
  process.stdout.write("Engine in a Chromium worker, suite 0x0001, medians of interleaved runs:\n\n");
  process.stdout.write(`${formatTable(await benchEngine(sizes))}\n\n`);
}
if (runs("latency")) {
  // The people and their browsers live in e2e, which nothing imports: it prints its own table.
  const { status } = spawnSync("pnpm", ["--filter", "e2e", "latency"], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
