import { measureSize } from "./measure.ts";
import { thicket } from "./thicket.ts";
import { tsMls } from "./ts-mls.ts";

/** Runs in a browser's worker: one group size in, samples out. */
self.addEventListener("message", (event: MessageEvent<{ size: number }>) => {
  void run(event.data.size).then(
    (samples) => self.postMessage({ ok: true, samples }),
    (error: unknown) =>
      self.postMessage({ ok: false, error: String(error instanceof Error ? error.stack : error) }),
  );
});

async function run(size: number) {
  return measureSize([await thicket(), await tsMls()], size);
}
