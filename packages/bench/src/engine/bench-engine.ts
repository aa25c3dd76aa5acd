import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "@playwright/test";
import { build, preview } from "vite";
import { medianOfTicks } from "../median.ts";
import type { Row } from "../table.ts";
import type { Request } from "./engine.worker.ts";
import { engineSize } from "./engine-size.ts";
import type { Samples } from "./samples.ts";
import { targetOf } from "./targets.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";

/** What an isolated page may read its clock to, in ms; any other page to twenty times as much. */
const TICK = 0.005;

const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

export const PARTS = ["messages", "joins", "sparse", "warm", "adds", "storage", "size"] as const;
export type Part = (typeof PARTS)[number];

/** The engine's table in a Chromium worker: the parts asked for, ours beside the peers, for each group size. */
export async function benchEngine(parts: readonly Part[], sizes: readonly number[]): Promise<Row[]> {
  const samples: Samples = {};
  const requests = parts.flatMap((part) => requestsOf(part, sizes));
  if (requests.length > 0) await inChromium((page) => measureAll(page, requests, samples));
  const rows = toRows(samples);
  if (parts.includes("size")) rows.push(await sizeRow());
  return rows;
}

/** Both suites, ts-mls on the first and OpenMLS on the other; sizes that a part can do in a bearable time. */
function requestsOf(part: Part, sizes: readonly number[]): Request[] {
  const both = (name: Exclude<Part, "size">, of: readonly number[]): Request[] =>
    of.length === 0 ? [] : ([1, 3] as const).map((suite) => ({ part: name, suite, sizes: of }));
  const tried = sizes.filter((size) => size >= 10 && size <= 1000);
  switch (part) {
    case "messages":
      return both(part, sizes);
    case "joins":
    case "sparse":
      return both(part, tried);
    case "warm":
      return both(
        part,
        tried.filter((size) => size >= 100),
      );
    case "adds":
      return [{ part, suite: 1, sizes: [1000, 5000, 10_000].filter((count) => count <= Math.max(...sizes)) }];
    case "storage":
      return [{ part, suite: 1, sizes }];
    case "size":
      return [];
  }
}

async function measureAll(page: Page, requests: readonly Request[], samples: Samples): Promise<void> {
  for (const request of requests) {
    const started = performance.now();
    const measured = await page.evaluate(
      (asked): Promise<Samples> => Reflect.get(globalThis, "measure")(asked),
      request,
    );
    for (const [operation, columns] of Object.entries(measured)) {
      samples[operation] = { ...samples[operation], ...columns };
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    process.stderr.write(`${request.part}, suite ${request.suite}: ${seconds} s\n`);
  }
}

async function inChromium(run: (page: Page) => Promise<void>): Promise<void> {
  const root = import.meta.dirname;
  const outDir = await mkdtemp(join(tmpdir(), "thicket-bench-"));
  // A profile of its own: without one, IndexedDB would be in memory only.
  const profile = await mkdtemp(join(tmpdir(), "thicket-bench-profile-"));
  await build({
    root,
    logLevel: "error",
    build: { outDir, emptyOutDir: true, target: "es2024" },
    worker: { format: "es" },
  });
  const server = await preview({
    root,
    logLevel: "error",
    build: { outDir },
    preview: { port: 0, host: "localhost", headers: ISOLATION },
  });
  const browser = await chromium.launchPersistentContext(profile, {
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
    page.setDefaultTimeout(0);
    await page.goto(server.resolvedUrls?.local[0] ?? "");
    await page.waitForFunction(() => "measure" in globalThis);
    await run(page);
  } finally {
    await browser.close();
    await server.close();
    await rm(outDir, { recursive: true, force: true });
    await rm(profile, { recursive: true, force: true });
  }
}

function toRows(samples: Samples): Row[] {
  const medians = Object.entries(samples).map(([operation, columns]) => {
    const values = Object.entries(columns).map(([column, all]) => [column, summary(operation, all)] as const);
    return { operation, values: Object.fromEntries(values) };
  });
  const ours = new Map(medians.map(({ operation, values }) => [operation, values["thicket"] ?? Number.NaN]));
  return medians.map(({ operation, values }) => {
    const target = targetOf(operation, ours);
    return {
      what: operation,
      unit: isSize(operation) ? "bytes" : "ms",
      values,
      ...(target && { target }),
    };
  });
}

const isSize = (operation: string) => operation.startsWith("its size");

function summary(operation: string, values: readonly number[]): number {
  return isSize(operation) ? Math.max(...values) : medianOfTicks(values, TICK);
}

async function sizeRow(): Promise<Row> {
  const operation = "engine in the worker, min+gzip";
  const target = targetOf(operation, new Map());
  return { what: operation, unit: "KB", values: { thicket: await engineSize() }, ...(target && { target }) };
}
