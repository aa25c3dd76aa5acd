/** Draws the PNG icons from the SVG mark with headless Chromium: `node icons/render-icons.ts` from apps/web. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const publicFolder = new URL("../public/", import.meta.url).pathname;
const mark = readFileSync(join(publicFolder, "icon.svg"), "utf8");
// A maskable icon may be cut to any shape: full-bleed ground, and the mark within the safe circle (80%).
const leaves = mark.match(/<g id="leaves"[\s\S]*<\/g>/)?.[0];
if (!leaves) throw new Error("icon.svg has no group #leaves");
const bleed = (scale: number) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512"><rect width="512" height="512" fill="#14402f"/>` +
  `<g transform="translate(256 256) scale(${scale}) translate(-256 -256)">${leaves}</g></svg>`;

const scratch = mkdtempSync(join(tmpdir(), "thicket-icons-"));
try {
  render("icon-192.png", mark, 192);
  render("icon-512.png", mark, 512);
  render("icon-maskable-512.png", bleed(0.8), 512);
  render("apple-touch-icon.png", bleed(0.92), 180);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function render(name: string, svg: string, size: number): void {
  const page = join(scratch, `${name}.html`);
  writeFileSync(
    page,
    `<!doctype html><style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`,
  );
  execFileSync(
    chromium,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--hide-scrollbars",
      "--default-background-color=00000000",
      `--user-data-dir=${join(scratch, "profile")}`,
      `--window-size=${size},${size}`,
      `--screenshot=${join(publicFolder, name)}`,
      page,
    ],
    { stdio: "ignore" },
  );
}
