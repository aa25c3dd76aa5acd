/** One thread of `pnpm simulate`: runs the seeds that it is handed, one after the other. */
import { parentPort } from "node:worker_threads";
import { runSeed } from "./run-seed.ts";
import type { SeedOptions } from "./seed.ts";

parentPort?.on("message", (options: SeedOptions) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  void runSeed(options).then((result) => parentPort?.postMessage(result));
});
