import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServerProcess, startServer } from "./server-process.ts";

const MAIN = join(import.meta.dirname, "../../../../apps/relay/src/main.ts");

/** One machine asks for what a thousand people would. */
const LIFTED = [
  "CONNECTIONS",
  "CONNECTIONS_PER_ADDRESS",
  "REQUESTS_TOTAL",
  "REQUESTS_PER_ADDRESS",
  "REQUESTS",
  "MESSAGES",
  "COMMITS",
  "LOGINS",
];

/** Where a relay keeps its data; it outlives the relay's process. */
export interface DataDirectory {
  readonly path: string;
  readonly database: string;
  remove(): void;
}

export function makeDataDirectory(): DataDirectory {
  const path = mkdtempSync(join(tmpdir(), "thicket-bench-relay-"));
  return {
    path,
    database: join(path, "delivery.sqlite"),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** The real relay, as anybody starts it; only what it lets one device ask for in a second is lifted. */
export function startRelay(
  data: DataDirectory,
  settings: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  return startServer(MAIN, [], {
    THICKET_PORT: "0",
    THICKET_DATA: data.path,
    THICKET_LOG: "error",
    ...Object.fromEntries(LIFTED.map((name) => [`THICKET_LIMIT_${name}`, "1000000"])),
    ...settings,
  });
}
