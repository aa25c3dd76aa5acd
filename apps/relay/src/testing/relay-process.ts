import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@thicket/storage/testing";

const MAIN = join(import.meta.dirname, "../main.ts");

export interface Exit {
  code: number | null;
  output: string;
}

/** The real relay as a process, on a directory and a port of its own that outlive it. */
export async function createRelayProcess(settings: Record<string, string> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "thicket-relay-"));
  const port = await freePort();
  const env = {
    ...process.env,
    THICKET_PORT: String(port),
    THICKET_DATA: join(directory, "data"),
    THICKET_LOG: "debug",
    ...settings,
  };
  let child: ChildProcess | undefined;
  let output = "";

  /** Runs it to its end: for starts that fail, and for commands. */
  async function run(change: Record<string, string> = {}, args: readonly string[] = []): Promise<Exit> {
    const process = spawnRelay({ ...env, ...change }, args);
    let text = "";
    process.stdout?.on("data", (chunk) => (text += String(chunk)));
    process.stderr?.on("data", (chunk) => (text += String(chunk)));
    await once(process, "close");
    return { code: process.exitCode, output: text };
  }

  async function start(change: Record<string, string> = {}): Promise<void> {
    const started = spawnRelay({ ...env, ...change });
    child = started;
    let text = "";
    await new Promise<void>((resolve, reject) => {
      const read = (chunk: unknown) => {
        text += String(chunk);
        output += String(chunk);
        if (text.includes("Thicket is at ")) resolve();
      };
      started.stdout?.on("data", read);
      started.stderr?.on("data", read);
      started.once("exit", () => reject(new Error(`the relay ended:\n${text}`)));
    });
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    const ending = child;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return null;
    const exited = once(ending, "exit");
    ending.kill(signal);
    await exited;
    return ending.exitCode;
  }

  return {
    url: `http://localhost:${port}`,
    port,
    dataDirectory: env.THICKET_DATA,
    output: () => output,
    isRunning: () => child?.exitCode === null && child.signalCode === null,
    run,
    start,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    async dispose() {
      await end("SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export type RelayProcess = Awaited<ReturnType<typeof createRelayProcess>>;

function spawnRelay(env: NodeJS.ProcessEnv, args: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
}
