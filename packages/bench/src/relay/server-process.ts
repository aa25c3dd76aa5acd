import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { text } from "node:stream/consumers";

/** Servers run on this core alone, and the load generator on the next one, so that neither takes from the other. */
const SERVER_CORE = 0;
const LOAD_CORE = 1;

const canPin = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;

/** The kernel's unit for processor times (`man 5 proc`): fixed on Linux. */
const TICKS_PER_SECOND = 100;
const KIB_PER_MB = 1000 / 1.024;

export interface ServerProcess {
  readonly port: number;
  /** Processor time used so far, in seconds: the server's own and the kernel's on its behalf. */
  cpuSeconds(): number;
  /** Resident memory, in MB. */
  residentMegabytes(): number;
  /** Ends it in an orderly way, and waits for that. */
  stop(): Promise<void>;
}

/** Puts this process, the load generator, on its own core. */
export function pinLoadGenerator(): boolean {
  if (canPin) execFileSync("taskset", ["-a", "-c", "-p", String(LOAD_CORE), String(process.pid)]);
  return canPin;
}

/** Starts a script as a server on the servers' core. It must print its address, which ends in the port. */
export async function startServer(
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const child = spawnPinned([script, ...args], env);
  const port = await portOf(child);
  const { pid } = child;
  if (pid === undefined) throw new Error("the server has no process");
  return {
    port,
    cpuSeconds() {
      // The second field is the program's name in parentheses; what follows it has no spaces of its own.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    residentMegabytes() {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / KIB_PER_MB;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Runs a script to its end on the servers' core. -> the JSON that it prints. */
export async function runToEnd(script: string, args: readonly string[]): Promise<unknown> {
  const child = spawnPinned([script, ...args], {});
  if (child.stdout === null) throw new Error("the script has no output");
  const printed = await text(child.stdout);
  return JSON.parse(printed);
}

function spawnPinned(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const command = [process.execPath, ...args];
  const [program = "", ...rest] = canPin ? ["taskset", "-c", String(SERVER_CORE), ...command] : command;
  const child = spawn(program, rest, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  // A bench that ends early leaves no server behind.
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  return child;
}

async function portOf(child: ChildProcess): Promise<number> {
  let printed = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (chunk) => {
      printed += String(chunk);
      const port = /at http:\/\/[^\s]*:(\d+)\n/.exec(printed)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once("exit", () => reject(new Error(`the server ended:\n${printed}`)));
  });
}
