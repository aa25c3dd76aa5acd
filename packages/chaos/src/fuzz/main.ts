/** `pnpm --filter chaos fuzz`: what no client sends, against a real relay. Exit status 0 where everything held. */
import { parseArgs } from "node:util";
import { runFuzz } from "./run-fuzz.ts";

const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== "--"),
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const print = (line: string): void => void process.stdout.write(`${line}\n`);
print(`${values.minutes} minutes, seed ${values.seed}`);
const result = await runFuzz({ ms: Number(values.minutes) * 60_000, seed: Number(values.seed), print });
print(JSON.stringify({ ...result.sent }));
print([...result.codes].map(([code, count]) => `${code} ${count}`).join(", "));
print(`${result.tried} of ${result.ways} ways to spoil a request tried`);
const { warm, end, resident } = result.memory;
print(`memory ${warm} MiB once warm, ${end} MiB at the end (resident ${resident} MiB)`);
for (const failure of result.failures) print(`failed: ${failure}`);
print(result.failures.length === 0 ? "nothing was found" : `again: --seed ${values.seed}`);
process.exit(result.failures.length === 0 ? 0 : 1);
