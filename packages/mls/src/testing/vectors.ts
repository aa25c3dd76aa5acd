import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";

export { hex } from "../vectors/compare.ts";

const repository = join(import.meta.dirname, "../../../..");
const folder = join(env["VECTORS_DIR"] ?? join(repository, "../shared/vectors"), "mls");

/** The official vector files (mlswg/mls-implementations), in the order of their names; undefined where the folder is absent. */
export function vectorFiles(): { name: string; text: string }[] | undefined {
  if (!existsSync(folder)) return undefined;
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".json"),
  );
  return names.sort().map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
}

// oxlint-disable typescript/no-unsafe-type-assertion, typescript/no-unnecessary-type-parameters -- the caller states
// the shape of the published file; a wrong one fails its checks.
/** The cases of an official vector file; undefined where the file is absent. */
export function readVectors<T extends object>(file: string): T[] | undefined {
  const path = join(folder, `${file}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T[]) : undefined;
}
