import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePort } from "@thicket/storage/testing";

const MAIN = join(import.meta.dirname, "../../../../apps/relay/src/main.ts");

/** One life after the other of a real relay on one port. */
export interface RelayProcess {
  readonly port: number;
  /** Everything it wrote, over all its lives; the oldest is dropped where it is very long. */
  output(): string;
  isRunning(): boolean;
  pid(): number | undefined;
  /** Resolves once it serves; rejects with what it wrote where it ended instead. */
  start(): Promise<void>;
  /** SIGKILL: no goodbye, no flush. */
  kill(): Promise<void>;
  /** SIGTERM -> the exit code. */
  stop(): Promise<number | null>;
  /** SIGSTOP and SIGCONT: it lives and does nothing. */
  pause(on: boolean): void;
}

const OUTPUT = 4 * 1024 * 1024;

/** `environment` is asked anew at every start. */
export async function createRelayProcess(
  environment: () => Record<string, string>,
  node: readonly string[] = [],
): Promise<RelayProcess> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  let output = "";

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    const ending = child;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return null;
    const exited = once(ending, "exit");
    ending.kill(signal);
    await exited;
    return ending.exitCode;
  }

  return {
    port,
    output: () => output,
    isRunning: () => child?.exitCode === null && child.signalCode === null,
    pid: () => child?.pid,
    start() {
      const env = { ...process.env, THICKET_PORT: String(port), ...environment() };
      const started = spawn(process.execPath, [...node, MAIN], { env, stdio: ["ignore", "pipe", "pipe"] });
      child = started;
      // Whoever ends without a goodbye leaves no relay behind.
      const follow = () => started.kill("SIGKILL");
      process.once("exit", follow);
      started.once("exit", () => process.off("exit", follow));
      let text = "";
      return new Promise((resolve, reject) => {
        const read = (chunk: Buffer) => {
          output = `${output}${chunk.toString("utf8")}`.slice(-OUTPUT);
          if (text.length < OUTPUT) text += chunk.toString("utf8");
          if (text.includes("Thicket is at ")) resolve();
        };
        started.stdout.on("data", read);
        started.stderr.on("data", read);
        started.once("exit", () => reject(new Error(`the relay ended:\n${text.slice(-2000)}`)));
      });
    },
    kill: async () => void (await end("SIGKILL")),
    stop: () => end("SIGTERM"),
    pause: (on) => void child?.kill(on ? "SIGSTOP" : "SIGCONT"),
  };
}
