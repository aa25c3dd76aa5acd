import type { ClientError, Command, CommandReply } from "./api.ts";
import type { Step } from "./step.ts";

/** The answer of a command that was carried out before; undefined for one that wasn't. */
export async function answeredBefore(step: Step, { commandId }: Command): Promise<CommandReply | undefined> {
  return (await step.deps.ports.store.get("acts", [commandId]))?.reply;
}

/** Answers a command that is done once: the answer is stored with what it did. */
export function answer(
  step: Step,
  { commandId, at }: Command,
  reply: CommandReply & { ok: true },
): CommandReply {
  step.write({ table: "acts", key: [commandId], value: { at, reply } });
  return reply;
}

/** A refusal: nothing was done, so nothing is remembered. */
export function refuse(error: ClientError): CommandReply & { ok: false } {
  return { ok: false, error };
}

/** Milliseconds for which a command may be repeated: no tab holds one back for longer. */
const REPEATABLE = 30 * 24 * 60 * 60_000;

/** Forgets answers that nobody will ask for again. */
export async function forgetOldActs(step: Step): Promise<void> {
  for (const { key, value } of await step.deps.ports.store.list("acts", { prefix: [] })) {
    if (value.at + REPEATABLE < step.now()) step.write({ table: "acts", key, value: undefined });
  }
}
