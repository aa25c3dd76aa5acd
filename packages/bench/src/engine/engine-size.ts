import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";

const ENTRY = join(import.meta.dirname, "whole-engine.ts");

interface Chunk {
  readonly code: string;
  readonly modules: readonly string[];
}

/**
 * The engine alone as the worker's bundle holds it: all of the package's public interface, minified, at gzip's level 9,
 * in KB of 1,000 bytes. Chunks that load when first used aren't counted. The worker imports less, so it's an upper bound.
 */
export async function engineSize(): Promise<number> {
  const chunks = await engineChunks();
  return chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0) / 1000;
}

/** In a worker Vite fetches no module ahead of its import; in this build, which it takes for a page's, it would. */
const withoutPreload: Plugin = {
  name: "without-preload",
  enforce: "pre",
  load: (id) =>
    id.endsWith("vite/preload-helper.js") ? "export const __vitePreload = (load) => load();" : null,
};

/** The chunk of the engine's entry, and those that it can't start without. */
export async function engineChunks(): Promise<Chunk[]> {
  const built = await build({
    root: import.meta.dirname,
    logLevel: "error",
    configFile: false,
    plugins: [withoutPreload],
    build: {
      write: false,
      target: "es2024",
      minify: true,
      rolldownOptions: { input: ENTRY, preserveEntrySignatures: "allow-extension" },
    },
  });
  const outputs = Array.isArray(built) ? built : [built];
  const chunks = outputs
    .flatMap((bundle) => ("output" in bundle ? bundle.output : []))
    .filter((chunk) => chunk.type === "chunk");
  const needed = new Set(chunks.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName));
  // A set that grows while it is gone through: what the chunks in it import, all the way down.
  for (const name of needed) {
    const imports = chunks.find((chunk) => chunk.fileName === name)?.imports ?? [];
    for (const imported of imports) needed.add(imported);
  }
  if (needed.size === 0) throw new Error("the engine was not bundled");
  return chunks
    .filter((chunk) => needed.has(chunk.fileName))
    .map(({ code, modules }) => ({ code, modules: Object.keys(modules) }));
}
