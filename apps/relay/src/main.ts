import { HELP, readConfig } from "./config.ts";
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
  const log = createLog(config.logLevel);
  const relay = await startRelay(config, log);
  process.stdout.write(`Thicket is at ${relay.address}\n`);

  let stopping = false;
  const stop = () => {
    // A second signal while it closes changes nothing: what is acknowledged is on the disk anyway.
    if (stopping) return;
    stopping = true;
    log.info("stopping");
    void relay.stop().then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exit(1);
}
