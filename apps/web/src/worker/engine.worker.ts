/** The composition root of a tab's worker: the client, with this browser's storage, network, clock and randomness. */
import { createClient } from "@thicket/client";
import { ENGINE_NAME } from "../bridge/messages.ts";
import { browserClock, browserLog, browserRandom } from "./browser-ports.ts";
import { createSocketLinks } from "./socket-link.ts";
import { startWorker } from "./start-worker.ts";

declare const self: DedicatedWorkerGlobalScope;

startWorker({
  name: ENGINE_NAME,
  tab: self,
  clock: browserClock,
  log: browserLog,
  createEngine(store) {
    const { relay, authentication, close } = createSocketLinks({
      url: self.location.origin,
      clock: browserClock,
      jitter: () => (browserRandom.bytes(1)[0] ?? 0) / 256,
      network: self,
      log: browserLog,
    });
    const client = createClient({
      store,
      relay,
      authentication,
      clock: browserClock,
      random: browserRandom,
      log: browserLog,
    });
    return {
      ...client,
      async stop() {
        try {
          await client.stop();
        } finally {
          close();
        }
      },
    };
  },
});
