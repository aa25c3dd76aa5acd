import { type GroupId, LIMITS, toHex, type WelcomeId } from "@thicket/protocol";
import { joinByWelcome } from "../groups/join-group.ts";
import type { Runtime } from "../runtime.ts";

/** Welcomes for one group that may wait at the relay; more of them would keep those behind them out of its pages. */
const LATER_PER_GROUP = 4;

/**
 * Takes the Welcomes that wait at the relay. One is acknowledged only after its group is stored, or after it was
 * found to be of no use; one for a group that this device is still in stays there. False where the connection
 * failed on the way.
 */
export async function takeWelcomes(runtime: Runtime, joined: (groupId: GroupId) => void): Promise<boolean> {
  const reply = await runtime.wait(runtime.ports.relay.request("welcome.list", {}));
  if (!reply.ok) return false;
  const done: WelcomeId[] = [];
  const later = new Map<GroupId, number>();
  for (const { welcomeId, keyPackageRef, bytes } of reply.welcomes) {
    const outcome = await runtime.step(async (step) => {
      const account = step.account();
      if (account === undefined) throw new TypeError("a Welcome without an account");
      const result = await joinByWelcome(step, account, toHex(keyPackageRef), bytes);
      if (result.kind === "bad") step.problem({ code: "WELCOME_BAD", subject: result.reason });
      return result;
    });
    runtime.ports.log("info", "welcome", { outcome: outcome.kind });
    if (outcome.kind === "joined") joined(outcome.groupId);
    if (outcome.kind === "later") {
      const waiting = (later.get(outcome.groupId) ?? 0) + 1;
      later.set(outcome.groupId, waiting);
      if (waiting <= LATER_PER_GROUP) continue;
    }
    done.push(welcomeId);
  }
  for (let from = 0; from < done.length; from += LIMITS.attachBatch) {
    const acked = await runtime.wait(
      runtime.ports.relay.request("welcome.ack", { welcomeIds: done.slice(from, from + LIMITS.attachBatch) }),
    );
    if (!acked.ok) return false;
  }
  return true;
}
