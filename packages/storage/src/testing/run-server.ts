import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "./free-port.ts";

/** A server of the system's packages on a loopback port of its own, on a directory that goes with it. */
export interface TestServer {
  url: string;
  /** Ends it in order and deletes its directory. */
  stop(): Promise<void>;
  /** SIGKILL, its children included: what a power cut leaves. */
  kill(): Promise<void>;
  /** Starts it again on what is there, under the same address; settles once it answers. */
  restart(): Promise<void>;
}

export interface ServerRecipe {
  /** For the directory's name. */
  name: string;
  /** The user that it runs as where we are root: some servers refuse to be root. */
  user?: string;
  url(port: number): string;
  /** Once, before the first start. */
  prepare?(directory: string, run: (command: string, args: string[]) => void): void;
  command(directory: string, port: number): [string, ...string[]];
  /** Settles where it answers, rejects where it doesn't yet. */
  ping(url: string): Promise<void>;
}

/** How long a start may take (ms): tests run beside others on few cores. */
const START_WITHIN = 60_000;

export interface ServerOptions {
  /** Keeps its files in memory where the system has such a place, for tests in which no disk is what is tested. */
  inMemory?: boolean;
  /** The server's own settings, for example `fsync: "off"`. */
  settings?: Readonly<Record<string, string>>;
}

export async function runServer(recipe: ServerRecipe, options: ServerOptions = {}): Promise<TestServer> {
  const owner = recipe.user !== undefined && process.getuid?.() === 0 ? idsOf(recipe.user) : undefined;
  const base = options.inMemory === true && existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const directory = mkdtempSync(join(base, `thicket-${recipe.name}-`));
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
  recipe.prepare?.(directory, (command, args) => {
    const made = spawnSync(command, args, { cwd: directory, encoding: "utf8", ...owner });
    if (made.status !== 0) throw new Error(`${command}: ${made.stderr || String(made.error)}`);
  });
  const port = await freePort();
  const url = recipe.url(port);
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const latest = Date.now() + START_WITHIN;
    const [command, ...args] = recipe.command(directory, port);
    for (;;) {
      const started = spawn(command, args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"], ...owner });
      child = started;
      let said = "";
      started.stderr.on("data", (chunk) => (said = (said + String(chunk)).slice(-2000)));
      while (started.exitCode === null && started.signalCode === null) {
        try {
          await recipe.ping(url);
          return;
        } catch (error) {
          if (Date.now() > latest) throw new Error(`${command} didn't start: ${said}`, { cause: error });
          await wait(20);
        }
      }
      // After a kill the system may still be clearing up what the last one held.
      if (Date.now() > latest) throw new Error(`${command} didn't start: ${said}`);
      await wait(100);
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending?.pid === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, "exit");
    const children = signal === "SIGKILL" ? childrenOf(ending.pid) : [];
    ending.kill(signal);
    for (const pid of children) kill(pid);
    await exited;
  }

  await start();
  return {
    url,
    async stop() {
      // SIGINT: PostgreSQL's "fast" and Redis' orderly end.
      await end("SIGINT");
      rmSync(directory, { recursive: true, force: true });
    },
    kill: () => end("SIGKILL"),
    async restart() {
      await end("SIGINT");
      await start();
    },
  };
}

function idsOf(user: string): { uid: number; gid: number } | undefined {
  const id = (flag: string) => spawnSync("id", [flag, user], { encoding: "utf8" });
  const [uid, gid] = [id("-u"), id("-g")];
  if (uid.status !== 0 || gid.status !== 0) return undefined;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    // Elsewhere than on Linux its children end by themselves when they notice.
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
