/** Browser tests ask the test runner for a relay: the real one, in a process of its own, on data of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserCommand } from "vitest/node";

const main = new URL("../relay/src/main.ts", import.meta.url).pathname;
let data: string | undefined;
let port = 0;
let relay: ChildProcess | undefined;

/** Starts it, or starts it again on the same data and port; resolves to its address once it listens. */
export const startRelay: BrowserCommand = async ({ page }) => {
  if (data === undefined) {
    const directory = mkdtempSync(join(tmpdir(), "thicket-browser-test-"));
    data = directory;
    port = await freePort();
    process.once("exit", () => {
      relay?.kill("SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    });
  }
  const address = `http://localhost:${port}`;
  const started = spawn(process.execPath, [main], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      THICKET_PORT: String(port),
      THICKET_DATA: data,
      // The tests' own page is let in; logins sign the address.
      THICKET_ORIGIN: `${address},${new URL(page.url()).origin}`,
      THICKET_LOG: "error",
    },
  });
  relay = started;
  await new Promise<void>((resolve, reject) => {
    started.once("exit", (code) => reject(new Error(`the relay ended with ${code}`)));
    started.stdout.on("data", (chunk: Buffer) => chunk.includes("Thicket is at") && resolve());
  });
  return address;
};

/** Kills it without warning. */
export const killRelay: BrowserCommand = async () => {
  if (relay === undefined || relay.exitCode !== null) return;
  const exit = once(relay, "exit");
  relay.kill("SIGKILL");
  await exit;
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
