import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const COMPRESSIBLE = /\.(?:html|js|css|svg|json|webmanifest|wasm|txt)$/;
/** Below this size (bytes) compression gains nothing. */
const WORTH_IT = 1024;
/** Of 11: a tenth of the time of the best for nearly all of its gain. */
const BROTLI_QUALITY = 9;

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/**
 * Puts a `.br` and a `.gz` beside every compressible file that has no newer one, for the file server to choose from.
 * The web build ends with it, since a relay as deployed can't write where its program lies.
 * @throws what the file system throws, for example where the directory can't be written.
 */
export async function precompress(directory: string): Promise<void> {
  const names = await readdir(directory, { recursive: true });
  for (const name of names) {
    if (!COMPRESSIBLE.test(name)) continue;
    const file = join(directory, name);
    const { size, mtimeMs } = await stat(file);
    if (size < WORTH_IT) continue;
    if (!(await isNewer(`${file}.br`, mtimeMs))) {
      const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
      await replace(`${file}.br`, await brotli(await readFile(file), { params }));
    }
    if (!(await isNewer(`${file}.gz`, mtimeMs))) {
      await replace(`${file}.gz`, await gzipped(await readFile(file), { level: 9 }));
    }
  }
}

async function isNewer(file: string, than: number): Promise<boolean> {
  try {
    return (await stat(file)).mtimeMs >= than;
  } catch {
    return false;
  }
}

/** Two relays may start on the same build: each file is there whole or not at all. */
async function replace(file: string, content: Uint8Array): Promise<void> {
  const partial = `${file}.${randomBytes(6).toString("hex")}.partial`;
  await writeFile(partial, content);
  await rename(partial, file);
}

const [, , built] = process.argv;
if (import.meta.main && built !== undefined) await precompress(built);
