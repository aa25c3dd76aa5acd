import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const ENTRY = join(import.meta.dirname, "whole-engine.ts");

/**
 * The engine alone as the worker's bundle holds it: all of the package's public interface, minified, at gzip's level 9,
 * in KB of 1,000 bytes. Chunks that load when first used aren't counted. The worker imports less, so it's an upper bound.
 */
export async function engineSize(): Promise<number> {
  const built = await build({
    root: import.meta.dirname,
    logLevel: "error",
    configFile: false,
    build: {
      write: false,
      target: "es2024",
      minify: true,
      lib: { entry: ENTRY, formats: ["es"] },
    },
  });
  const outputs = Array.isArray(built) ? built : [built];
  const entry = outputs
    .flatMap((bundle) => ("output" in bundle ? bundle.output : []))
    .find((chunk) => chunk.type === "chunk" && chunk.isEntry);
  if (entry?.type !== "chunk") throw new Error("the engine was not bundled");
  return gzipSync(entry.code, { level: 9 }).length / 1000;
}
