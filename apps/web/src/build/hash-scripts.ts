import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin, Rolldown } from "vite";

/** Beside index.html; the relay makes its Content-Security-Policy of it. */
const HASHES = "script-hashes.json";

/**
 * Gives each script of the built page its `integrity` and writes the hashes to script-hashes.json: under the relay's
 * CSP a browser runs what has one of them and nothing else. It reads the files as they are on the disk, before the
 * service worker's list of files is made. @throws (as the build's error) INLINE_SCRIPT, PAGE_IN_PARTS.
 */
export function hashScripts(): Plugin {
  return {
    name: "thicket:hash-scripts",
    apply: "build",
    async writeBundle({ dir }, bundle) {
      if (dir === undefined) return this.error("no directory to write to");
      const page = join(dir, "index.html");
      const scripts: string[] = [];
      let html = await readFile(page, "utf8");
      for (const tag of html.match(/<script\b[^>]*>/g) ?? []) {
        const file = / src="\/([^"]+)"/.exec(tag)?.[1];
        if (file === undefined)
          return this.error(`INLINE_SCRIPT: the page's scripts are files of the build: ${tag}`);
        const [other] = partsOf(bundle, file);
        // A browser trusts no module that the page's script imports: its hash isn't asked for (docs/decisions/0019).
        if (other !== undefined)
          return this.error(`PAGE_IN_PARTS: ${file} imports ${other}; it has to be one file`);
        const hash = sha384(await readFile(join(dir, file)));
        html = html.replace(tag, tag.replace("<script", `<script integrity="${hash}"`));
        scripts.push(hash);
      }
      await writeFile(page, html);
      await writeFile(join(dir, HASHES), `${JSON.stringify({ scripts }, null, 2)}\n`);
    },
  };
}

function partsOf(bundle: Rolldown.OutputBundle, file: string): readonly string[] {
  const chunk = bundle[file];
  return chunk?.type === "chunk" ? [...chunk.imports, ...chunk.dynamicImports] : [];
}

function sha384(content: Uint8Array): string {
  return `sha384-${createHash("sha384").update(content).digest("base64")}`;
}
