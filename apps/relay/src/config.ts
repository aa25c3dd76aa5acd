import { BlockList, isIP } from "node:net";
import { join, resolve } from "node:path";
import { NOT_OURS, SETTINGS, type Setting } from "./settings.ts";
import { StartError } from "./start-error.ts";

type Settings = {
  [K in keyof typeof SETTINGS]:
    | Exclude<ReturnType<(typeof SETTINGS)[K]["read"]>, undefined>
    | ((typeof SETTINGS)[K]["fallback"] extends string ? never : undefined);
};

/** What the settings say, with what the relay finds out by itself. Paths are absolute. */
export interface Config extends Settings {
  dataDirectory: string;
  asKeyFile: string;
  blobDirectory: string;
  webDirectory: string;
  mimiHost: string;
  trustedProxies: number;
  drainSeconds: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings from the environment; relative paths are against where the command was typed (INIT_CWD under pnpm).
 * @throws StartError CONFIG_INVALID, with a sentence that names the setting.
 */
export function readConfig(env: Environment, cwd: string): Config {
  refuseUnknown(env);
  const settings = readSettings(env);
  const from = valueOf(env, "INIT_CWD") ?? cwd;
  const { origins, host, roles, redis, databaseUrl } = settings;
  const dataDirectory = resolve(from, settings.dataDirectory);
  if (redis !== undefined && databaseUrl === undefined && roles.has("ds")) {
    throw new StartError(
      "CONFIG_INVALID",
      "THICKET_REDIS is for several nodes, which need one database: set THICKET_DATABASE too.",
    );
  }
  if (roles.has("ds") && !roles.has("as") && settings.asKeys === undefined) {
    throw new StartError(
      "CONFIG_INVALID",
      "THICKET_AS_KEYS must be set for a Delivery Service without the Authentication Service: `pnpm relay keys` prints them.",
    );
  }
  return {
    ...settings,
    dataDirectory,
    asKeyFile: resolve(from, settings.asKeyFile ?? join(dataDirectory, "authentication-key.json")),
    blobDirectory: resolve(from, settings.blobDirectory ?? join(dataDirectory, "blobs")),
    webDirectory: resolve(from, settings.webDirectory ?? join(import.meta.dirname, "../../web/dist")),
    mimiHost: settings.mimiHost ?? new URL(origins?.[0] ?? "http://localhost").hostname,
    trustedProxies: settings.trustedProxies ?? (isLoopback(host) ? 1 : 0),
    drainSeconds: settings.drainSeconds ?? (redis === undefined ? 0 : 10),
  };
}

/** The text of `--help`. */
export function helpText(): string {
  const settings: readonly Setting<unknown>[] = Object.values(SETTINGS);
  const described = settings.map(({ name, meaning, allowed, fallback, otherwise }) =>
    [
      `  ${name}`,
      `      ${meaning}`,
      `      ${allowed}  (default: ${fallback ?? otherwise ?? "not set"})`,
    ].join("\n"),
  );
  return `Thicket's relay: serves the web app, the Delivery Service and the Authentication Service.

  relay                                starts it
  relay invite [--uses 1] [--days 7]   prints a code with which so many people may sign up
  relay doctor                         checks the databases and the key, also while a relay runs
  relay backup DIRECTORY               copies them into a new directory, also while a relay runs
  relay keys                           prints the Authentication Service's public keys
  relay --help                         this text

Settings come from the environment:

${described.join("\n")}
`;
}

function readSettings(env: Environment): Settings {
  const read: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(SETTINGS)) {
    const text = valueOf(env, setting.name) ?? setting.fallback;
    if (text === null) {
      read[key] = undefined;
      continue;
    }
    const value = setting.read(text);
    if (value === undefined) {
      throw new StartError("CONFIG_INVALID", `${setting.name} must be ${setting.allowed}.`);
    }
    read[key] = value;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each key was read by the setting of that key
  return read as Settings;
}

/** A name that nothing reads is a typing error, and the setting that was meant would silently not hold. */
function refuseUnknown(env: Environment): void {
  const known = new Set<string>([...Object.values(SETTINGS).map(({ name }) => name), ...NOT_OURS]);
  const unknown = Object.keys(env).find((name) => name.startsWith("THICKET_") && !known.has(name));
  if (unknown === undefined) return;
  throw new StartError("CONFIG_INVALID", `${unknown} is no setting of the relay: --help names all.`);
}

/** What is set to nothing is not set. */
function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

/** Whether only this machine can reach what listens there, or an address is this machine's own. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === "localhost" : LOOPBACK.check(host, family === 6 ? "ipv6" : "ipv4");
}
