import { randomBytes } from "node:crypto";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { createInvite, readAsPublicKeys } from "@thicket/authentication-service";
import { DatabaseStartError } from "@thicket/storage";
import { runBackup } from "./backup.ts";
import { type Config, helpText, readConfig } from "./config.ts";
import { runDoctor } from "./doctor.ts";
import { locateDatabases } from "./locate-databases.ts";
import { createLog } from "./log.ts";
import { StartError } from "./start-error.ts";
import { startRelay } from "./start-relay.ts";

/** What can be asked of the relay by name; without a name it starts. Each ends with the process. */
const COMMANDS: Readonly<Record<string, (config: Config, args: string[]) => Promise<void>>> = {
  async backup(config, [place]) {
    if (place === undefined)
      throw new StartError("ARGUMENT_INVALID", "backup takes a directory that isn't there yet.");
    runBackup(config, path.resolve(process.env["INIT_CWD"] ?? process.cwd(), place));
  },
  async doctor(config) {
    process.exitCode = await runDoctor(config, (line) => process.stdout.write(line));
  },
  invite: printInvite,
  keys: printKeys,
};

async function main(): Promise<void> {
  // pnpm passes a separating "--" on.
  const [name, ...args] = process.argv.slice(2).filter((argument) => argument !== "--");
  if (name === "--help" || name === "help") {
    process.stdout.write(helpText());
    return;
  }
  const command = name === undefined ? run : COMMANDS[name];
  if (command === undefined) {
    throw new StartError("COMMAND_UNKNOWN", "There is no such command: --help names all.");
  }
  await command(readConfig(process.env, process.cwd()), args);
}

/** The relay as a process: start, and an orderly end on SIGTERM or SIGINT. */
async function run(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  // From before the start: a signal that comes during it ends the relay in order once it is up.
  const asked = signalled();
  const relay = await startRelay(config, log);
  process.stdout.write(`Thicket is at ${relay.address}\n`);
  await asked;
  log.info("stopping");
  await relay.stop();
  log.info("stopped");
  process.exit(0);
}

/** Settles with the first signal to end. A second one ends the process at once: what is acknowledged is on the disk. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    let before = 0;
    const onSignal = () => {
      if (before++ > 0) process.exit(1);
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

/** `relay invite [--uses 5] [--days 7]`: prints a code, whether or not the relay runs. */
async function printInvite(config: Config, args: string[]): Promise<void> {
  const { uses, days } = readInviteArguments(args);
  const code = await createInvite({
    database: locateDatabases(config).authentication,
    uses,
    days,
    now: () => Date.now(),
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
  });
  process.stdout.write(`${code}\n`);
}

function readInviteArguments(args: string[]): { uses: number; days: number } {
  try {
    const options = {
      uses: { type: "string", default: "1" },
      days: { type: "string", default: "7" },
    } as const;
    const { values } = parseArgs({ args, options });
    const [uses, days] = [Number(values.uses), Number(values.days)];
    const allowed = [uses, days].every((value) => Number.isInteger(value) && value >= 1 && value <= 10_000);
    if (allowed) return { uses, days };
  } catch {
    // Said below: what was typed is not repeated.
  }
  throw new StartError("ARGUMENT_INVALID", "--uses and --days take a number from 1 to 10000.");
}

/** `relay keys`: what THICKET_AS_KEYS is set to where the Delivery Service runs elsewhere. */
async function printKeys({ asKeyFile }: Config): Promise<void> {
  const keys = await readAsPublicKeys(asKeyFile);
  if (keys.length === 0) {
    throw new StartError(
      "AS_KEY_LOST",
      `There is no key ${asKeyFile}: the relay makes it at its first start.`,
    );
  }
  process.stdout.write(`${keys.map((key) => Buffer.from(key).toString("hex")).join(",")}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StartError || error instanceof DatabaseStartError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exit(1);
}
