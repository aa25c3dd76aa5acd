import type { Request } from "./engine.worker.ts";
import type { Samples } from "./samples.ts";

type Answer = { ok: true; samples: Samples } | { ok: false; error: string };

/** One worker for all parts, so that the members who only fill groups up are made once. */
const worker = new Worker(new URL("engine.worker.ts", import.meta.url), { type: "module" });

/** Called by the bench through the browser's page, one request at a time. */
function measure(request: Request): Promise<Samples> {
  return new Promise((resolve, reject) => {
    worker.addEventListener(
      "message",
      ({ data }: MessageEvent<Answer>) => {
        if (data.ok) resolve(data.samples);
        else reject(new Error(data.error));
      },
      { once: true },
    );
    worker.addEventListener("error", (event) => reject(new Error(event.message)), { once: true });
    worker.postMessage(request);
  });
}

Object.assign(globalThis, { measure });
