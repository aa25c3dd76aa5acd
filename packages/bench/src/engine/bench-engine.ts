import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { build, preview } from "vite";
import type { Row } from "../table.ts";
import type { Samples } from "./measure.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";

/** An isolated page may read its clock to 5 microseconds instead of 100. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Every engine operation in a Chromium worker, ours beside ts-mls, for each group size. */
export async function benchEngine(sizes: readonly number[]): Promise<Row[]> {
  const outDir = await mkdtemp(join(tmpdir(), "thicket-bench-"));
  const root = import.meta.dirname;
  await build({ root, logLevel: "error", build: { outDir, emptyOutDir: true }, worker: { format: "es" } });
  const server = await preview({
    root,
    logLevel: "error",
    build: { outDir },
    preview: { port: 0, host: "localhost", headers: ISOLATION },
  });
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
    ],
  });
  try {
    const page = await browser.newPage();
    await page.goto(server.resolvedUrls?.local[0] ?? "");
    await page.waitForFunction(() => "measure" in globalThis);
    const rows: Row[] = [];
    for (const size of sizes) {
      const samples = await page.evaluate(
        (count): Promise<Samples> => Reflect.get(globalThis, "measure")(count),
        size,
      );
      rows.push(...toRows(samples, size));
    }
    return rows;
  } finally {
    await browser.close();
    await server.close();
    await rm(outDir, { recursive: true, force: true });
  }
}

function toRows(samples: Samples, size: number): Row[] {
  return Object.entries(samples).map(([operation, engines]) => {
    const ours = median(engines["thicket"] ?? []);
    const peer = median(engines["ts-mls"] ?? []);
    return {
      what: `${operation}, N = ${size.toLocaleString("en-GB")}`,
      ours,
      unit: "ms",
      peers: { "ts-mls": peer },
      ratio: ours / peer,
    };
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
