import { spawnSync } from "node:child_process";
import { attachRequest, createGroup, type Group, inTurns, MESSAGE_BYTES } from "./groups.ts";
import { type Device, signUp } from "./people.ts";
import { senderOver } from "./senders.ts";
import { fieldOf } from "./session.ts";
import { type DataDirectory, startRelay } from "./start-relay.ts";

const GROUPS = 500;

/** A device that is in many groups, each with a message that it has; the relay is stopped again. */
export async function makeGroups(data: DataDirectory): Promise<{ device: Device; groups: Group[] }> {
  const server = await startRelay(data);
  const device = await (await signUp(server.port)).addDevice();
  const session = await device.logIn(server.port);
  const groups = await inTurns(GROUPS, async () => {
    const group = await createGroup(session);
    await new Promise<void>(senderOver(session, group, group.founder, MESSAGE_BYTES).write);
    return group;
  });
  session.webSocket.close();
  await server.stop();
  return { device, groups };
}

/**
 * A relay that was started just now, whose database isn't in memory, is asked to attach all groups in one request.
 * -> milliseconds to its answer.
 */
export async function measureAttach(
  data: DataDirectory,
  { device, groups }: { device: Device; groups: readonly Group[] },
): Promise<number> {
  forgetCached(data.database);
  const server = await startRelay(data);
  const session = await device.logIn(server.port);
  const request = attachRequest(groups.map((group) => ({ group, seat: group.founder, cursor: 1 })));
  const started = performance.now();
  const { results } = await session.ask("group.attach", request);
  const took = performance.now() - started;
  if (!Array.isArray(results) || !results.every((result) => fieldOf(result, "attached") === true)) {
    throw new Error("not all groups were attached");
  }
  session.webSocket.close();
  await server.stop();
  return took;
}

/** Has the system drop what it holds of the file in memory; the relay has closed it, so all of it is on the disk. */
function forgetCached(file: string): void {
  spawnSync("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]);
}
