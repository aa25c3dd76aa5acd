import type { Samples } from "./measure.ts";

type Answer = { ok: true; samples: Samples } | { ok: false; error: string };

/** Called by the bench through the browser's page. */
function measure(size: number): Promise<Samples> {
  const worker = new Worker(new URL("engine.worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      worker.terminate();
      if (data.ok) resolve(data.samples);
      else reject(new Error(data.error));
    });
    worker.addEventListener("error", (event) => reject(new Error(event.message)));
    worker.postMessage({ size });
  });
}

Object.assign(globalThis, { measure });
