import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "vite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashScripts } from "./hash-scripts.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "thicket-build-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A real build of these files. -> its page and its list of hashes. */
async function built(files: Record<string, string>) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  await build({
    root,
    configFile: false,
    logLevel: "silent",
    plugins: [hashScripts()],
    build: {
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input: Object.keys(files)
          .filter((name) => name.endsWith(".html"))
          .map((name) => join(root, name)),
      },
    },
  });
  const read = (name: string) => readFileSync(join(root, "dist", name));
  return {
    read,
    page: read("index.html").toString(),
    list: JSON.parse(read("script-hashes.json").toString()) as unknown,
  };
}

describe("the hashes of a build's scripts", () => {
  it("are those of the files that it wrote, and each is in the page", async () => {
    const { page, list, read } = await built({
      "index.html": `<!doctype html><script type="module" src="/main.js"></script><script type="module" src="/plain.js"></script>`,
      "main.js": `document.title = "main";`,
      "public/plain.js": `document.title = "plain";`,
    });
    const tags = [...page.matchAll(/<script integrity="([^"]+)"[^>]* src="\/([^"]+)"/g)];
    expect(tags).toHaveLength(2);
    for (const [, integrity, file = ""] of tags) {
      expect(integrity, file).toBe(`sha384-${createHash("sha384").update(read(file)).digest("base64")}`);
    }
    expect(list).toEqual({ scripts: tags.map(([, integrity]) => integrity) });
  });

  it("can't be had for a script within the page: the build ends with INLINE_SCRIPT", async () => {
    const files = { "index.html": `<!doctype html><script>document.title = "inline";</script>` };
    await expect(built(files)).rejects.toThrow(/INLINE_SCRIPT/);
  });

  it.each([
    ["now", `import { shared } from "./shared.js"; document.title = shared;`],
    ["later", `void import("./shared.js").then(({ shared }) => { document.title = shared; });`],
  ])("wouldn't reach what a script imports %s: the build ends with PAGE_IN_PARTS", async (_, main) => {
    const files = {
      "index.html": `<!doctype html><script type="module" src="/main.js"></script>`,
      "main.js": main,
      // What two pages have in common becomes a file of its own.
      "other.html": `<!doctype html><script type="module" src="/other.js"></script>`,
      "other.js": `import { shared } from "./shared.js"; document.body.title = shared;`,
      "shared.js": `export const shared = "shared";`,
    };
    await expect(built(files)).rejects.toThrow(/PAGE_IN_PARTS/);
  });
});
