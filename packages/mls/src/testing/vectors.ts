import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";

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
