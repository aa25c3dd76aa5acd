import { forgetExpiredKeyPackages, makeKeyPackages } from "../devices/key-packages.ts";
import { SUITE } from "../devices/own-leaf.ts";
import type { Runtime } from "../runtime.ts";
import { judgeFailure } from "./request-outcome.ts";

/** Key packages that one step makes, and one request publishes. */
const BATCH = 10;

/**
 * Fills the pool at the relay up to `target` one-time packages, once it has fallen below two fifths of it, and sees
 * to it that there is a last resort. False where it is to be tried again.
 */
export async function stockKeyPackages(runtime: Runtime, target: number): Promise<boolean> {
  const { relay } = runtime.ports;
  const pool = await runtime.wait(relay.request("keyPackages.count", { suite: SUITE }));
  if (!pool.ok) return judgeFailure(pool.error).kind !== "later";
  let { count, lastResort } = pool;
  if (lastResort && count > (target * 2) / 5) return true;
  await runtime.step(forgetExpiredKeyPackages);
  while (count < target || !lastResort) {
    const wanted = Math.max(0, Math.min(BATCH, target - count));
    const made = await runtime.step(async (step) => {
      const account = step.account();
      if (account === undefined) throw new TypeError("key packages without an account");
      return makeKeyPackages(step, account, wanted, !lastResort);
    });
    const reply = await runtime.wait(relay.request("keyPackages.publish", { suite: SUITE, ...made }));
    if (!reply.ok) {
      runtime.ports.log("warn", "key packages not published", { code: reply.error.code });
      return judgeFailure(reply.error).kind !== "later";
    }
    if (reply.count <= count && wanted > 0) return true;
    ({ count, lastResort } = reply);
  }
  return true;
}
