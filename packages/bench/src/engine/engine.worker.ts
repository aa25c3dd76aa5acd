import { measureAdds } from "./adds.ts";
import { measureJoins, measureSparse, measureWarm } from "./commits.ts";
import type { Contender } from "./contender.ts";
import { measureMessages } from "./messages.ts";
import { openMls } from "./openmls.ts";
import type { Samples } from "./samples.ts";
import { measureStorage } from "./storage.ts";
import { thicket } from "./thicket.ts";
import { tsMls } from "./ts-mls.ts";

/** One part of the table at some group sizes; `suite` chooses the peer: 1 is ts-mls, 3 is OpenMLS. */
export interface Request {
  readonly part: "messages" | "joins" | "sparse" | "warm" | "adds" | "storage";
  readonly suite: 1 | 3;
  readonly sizes: readonly number[];
}

/** Runs in a browser's worker: a request in, samples out. */
self.addEventListener("message", (event: MessageEvent<Request>) => {
  void run(event.data).then(
    (samples) => self.postMessage({ ok: true, samples }),
    (error: unknown) =>
      self.postMessage({ ok: false, error: String(error instanceof Error ? error.stack : error) }),
  );
});

async function run({ part, suite, sizes }: Request): Promise<Samples> {
  const engines = [thicket(suite), suite === 1 ? await tsMls() : await openMls()] as Contender[];
  switch (part) {
    case "messages":
      return measureMessages(engines, sizes);
    case "joins":
      return measureJoins(engines, sizes);
    case "sparse":
      return measureSparse(engines, sizes);
    case "warm":
      return measureWarm(engines, sizes);
    case "adds":
      return measureAdds(engines, sizes);
    case "storage":
      return measureStorage(Math.max(...sizes));
  }
}
