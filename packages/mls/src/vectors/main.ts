// pnpm --filter mls vectors [FOLDER or FILE ...]: checks the engine against every vector file found there.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import process from "node:process";
import { checkFile } from "./check-file.ts";

const repository = join(import.meta.dirname, "../../../..");
const official = join(process.env["VECTORS_DIR"] ?? join(repository, "../shared/vectors"), "mls");
// pnpm runs a script in its package's folder: what was typed is meant from where it was typed.
const from = process.env["INIT_CWD"] ?? process.cwd();

async function main(): Promise<void> {
  const given = process.argv.slice(2).filter((argument) => argument !== "--");
  const places = given.length > 0 ? given.map((place) => resolve(from, place)) : [official];
  let passed = 0;
  let failed = 0;
  for (const place of places) {
    for (const path of filesIn(place)) {
      const name = relative(place, path) || basename(path);
      const count = await checkFile(name, readFileSync(path, "utf8"), say);
      passed += count.passed;
      failed += count.failed;
    }
  }
  if (passed + failed === 0) say(`no vectors found in ${places.join(", ")}`);
  say(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

function filesIn(place: string): string[] {
  if (!existsSync(place)) return [];
  if (!statSync(place).isDirectory()) return [place];
  const names = readdirSync(place, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.toLowerCase().endsWith(".json"))
    .sort()
    .map((name) => join(place, name))
    .filter((path) => statSync(path).isFile());
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
