import * as path from "node:path";
import { DatabaseStartError } from "@thicket/storage";
import { runBackup } from "./backup.ts";
import { HELP, readConfig } from "./config.ts";
import { runDoctor } from "./doctor.ts";
import { createLog } from "./log.ts";
import { StartError } from "./start-error.ts";
import { startRelay } from "./start-relay.ts";

/** The relay as a process: settings from the environment, start, and an orderly end on SIGTERM or SIGINT. */
async function main(): Promise<void> {
  if (process.argv.includes("--help")) {
    process.stdout.write(HELP);
    return;
  }
  const config = readConfig(process.env, process.cwd());
  const [verb, place] = process.argv.slice(2);
  if (verb === "doctor") {
    process.exitCode = await runDoctor(config, (line) => process.stdout.write(line));
    return;
  }
  if (verb === "backup" && place !== undefined) {
    runBackup(config, path.resolve(process.env["INIT_CWD"] ?? process.cwd(), place));
    return;
  }
  if (verb !== undefined) throw new StartError("CONFIG_INVALID", `"${verb}" is no command: see --help.`);
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

/** Settles with the first signal to end; later ones change nothing: what is acknowledged is on the disk anyway. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    process.on("SIGTERM", () => resolve());
    process.on("SIGINT", () => resolve());
  });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StartError || error instanceof DatabaseStartError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exit(1);
}
