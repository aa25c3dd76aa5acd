import { setTimeout as wait } from "node:timers/promises";
import { inTurns } from "./groups.ts";
import { signUp } from "./people.ts";
import { type DataDirectory, startRelay } from "./start-relay.ts";

export const IDLE_SOCKETS = 5000;
/** Until what the logins left behind has been cleared away (ms). */
const SETTLE = 5000;

/** Logs in so many devices and leaves them alone. -> the relay's resident memory in MB: with them, and before. */
export async function measureIdle(data: DataDirectory): Promise<{ idle: number; empty: number }> {
  const server = await startRelay(data);
  const account = await signUp(server.port);
  const empty = server.residentMegabytes();
  const sessions = await inTurns(IDLE_SOCKETS, async () => (await account.addDevice()).logIn(server.port));
  await wait(SETTLE);
  const idle = server.residentMegabytes();
  for (const { webSocket } of sessions) webSocket.close();
  await server.stop();
  return { idle, empty };
}
