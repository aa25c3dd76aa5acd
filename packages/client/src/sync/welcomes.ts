import { type DeliveryReply, type GroupId, LIMITS, toHex, type WelcomeId } from "@thicket/protocol";
import { joinByWelcome, type JoinOutcome } from "../groups/join-group.ts";
import { StoreError } from "../ports.ts";
import { report, type Runtime } from "../runtime.ts";

/** Welcomes for one group that may wait at the relay; more of them would keep those behind them out of its pages. */
const LATER_PER_GROUP = 4;

/**
 * Takes the Welcomes that wait at the relay, page by page. One is acknowledged only after its group is stored, or after
 * it was found to be of no use; one for a group that this device is still in stays there. False where the connection
 * failed on the way.
 */
export async function takeWelcomes(runtime: Runtime, joined: (groupId: GroupId) => void): Promise<boolean> {
  for (;;) {
    const reply = await runtime.wait(runtime.ports.relay.request("welcome.list", {}));
    if (!reply.ok) return false;
    const done = await takePage(runtime, reply.welcomes, joined);
    if (done.length === 0) return true;
    for (let from = 0; from < done.length; from += LIMITS.attachBatch) {
      const welcomeIds = done.slice(from, from + LIMITS.attachBatch);
      const acked = await runtime.wait(runtime.ports.relay.request("welcome.ack", { welcomeIds }));
      if (!acked.ok) return false;
    }
  }
}

/** -> the Welcomes that are done with. */
async function takePage(
  runtime: Runtime,
  page: Extract<DeliveryReply<"welcome.list">, { ok: true }>["welcomes"],
  joined: (groupId: GroupId) => void,
): Promise<WelcomeId[]> {
  const done: WelcomeId[] = [];
  const later = new Map<GroupId, number>();
  for (const { welcomeId, keyPackageRef, bytes } of page) {
    const outcome = await takeOne(runtime, toHex(keyPackageRef), bytes);
    if (outcome === undefined) continue;
    runtime.ports.log("info", "welcome", { outcome: outcome.kind });
    if (outcome.kind === "joined") joined(outcome.groupId);
    if (outcome.kind === "later") {
      const waiting = (later.get(outcome.groupId) ?? 0) + 1;
      later.set(outcome.groupId, waiting);
      if (waiting <= LATER_PER_GROUP) continue;
    }
    done.push(welcomeId);
  }
  return done;
}

/** Undefined where it met a bug: it stays at the relay, and those behind it are taken all the same. */
async function takeOne(
  runtime: Runtime,
  keyPackageRef: string,
  bytes: Uint8Array,
): Promise<JoinOutcome | undefined> {
  try {
    return await runtime.step(async (step) => {
      const account = step.account();
      if (account === undefined) throw new TypeError("a Welcome without an account");
      const outcome = await joinByWelcome(step, account, keyPackageRef, bytes);
      if (outcome.kind === "bad") step.problem({ code: "WELCOME_BAD", subject: outcome.reason });
      return outcome;
    });
  } catch (error) {
    if (error instanceof StoreError) throw error;
    runtime.publish({ type: "problem", error: report(runtime.ports, "welcome", error) });
    return undefined;
  }
}
