import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";

/** Written by the web build (`apps/web/src/build/hash-scripts.ts`). It becomes part of a header: only hashes may be in it. */
const schema = v.object({
  scripts: v.pipe(v.array(v.pipe(v.string(), v.regex(/^sha384-[A-Za-z0-9+/]{64}$/))), v.minLength(1)),
});

/**
 * The hashes of the scripts that the build's page runs; undefined where the build doesn't say, says no such thing, or
 * says it of another page: under the policy made of it a browser would show nothing, and not why.
 */
export async function readScriptHashes(directory: string): Promise<readonly string[] | undefined> {
  try {
    const text = await readFile(join(directory, "script-hashes.json"), "utf8");
    const { success, output } = v.safeParse(schema, JSON.parse(text));
    if (!success) return undefined;
    const page = await readFile(join(directory, "index.html"), "utf8");
    return output.scripts.every((hash) => page.includes(`integrity="${hash}"`)) ? output.scripts : undefined;
  } catch {
    return undefined;
  }
}
