import { LIMITS, padBlobSize } from "@thicket/protocol";

/** One environment variable: how it is read, and what `--help` says of it. */
export interface Setting<T, F extends string | null = string | null> {
  name: `THICKET_${string}`;
  meaning: string;
  /** What it must be: the error's sentence and `--help` say it alike. */
  allowed: string;
  /** What holds where it isn't set, written as it would be set; null where the relay finds out by itself. */
  fallback: F;
  /** Says in words what the relay does with a `fallback` of null. */
  otherwise?: string;
  /** -> undefined for what isn't allowed. */
  read(text: string): T | undefined;
}

const MIB = 1024 ** 2;
const MOST_BLOB_MIB = LIMITS.blobCeiling / MIB;

const setting = <T, F extends string | null>(of: Setting<T, F>): Setting<T, F> => of;

export const ROLES = ["web", "ds", "as"] as const;
export type Role = (typeof ROLES)[number];

const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const REGISTRATIONS = ["open", "invite", "closed"] as const;

/**
 * Every setting of the relay. `--help`, the errors and the check for unknown names are made from this table, so none
 * of them can forget one.
 */
export const SETTINGS = {
  port: setting({
    name: "THICKET_PORT",
    meaning: "port to listen on; 0 takes any free one",
    allowed: "a port number from 0 to 65535",
    fallback: "8080",
    read: (text) => integer(text, 0, 65_535),
  }),
  host: setting({
    name: "THICKET_HOST",
    meaning: "address to listen on",
    allowed: "an address or host name of this machine",
    fallback: "127.0.0.1",
    read: (text) => (/^[\w.:%-]{1,255}$/.test(text) ? text : undefined),
  }),
  dataDirectory: setting({
    name: "THICKET_DATA",
    meaning: "directory of the databases and of the key that attests accounts",
    allowed: "a path, relative ones from where the command is typed",
    fallback: "data",
    read: (text) => text,
  }),
  databaseUrl: setting({
    name: "THICKET_DATABASE",
    meaning: "PostgreSQL database of both services, for several nodes",
    allowed: "a URL such as postgres://thicket@db.internal/thicket",
    fallback: null,
    otherwise: "SQLite files in THICKET_DATA",
    read: (text) => url(text, ["postgres:", "postgresql:"]),
  }),
  asKeyFile: setting({
    name: "THICKET_AS_KEY",
    meaning: "file of the key that attests accounts, the same on every node",
    allowed: "a path, relative ones from where the command is typed",
    fallback: null,
    otherwise: "authentication-key.json in THICKET_DATA",
    read: (text) => text,
  }),
  blobDirectory: setting({
    name: "THICKET_BLOBS",
    meaning: "directory of encrypted attachments; the nodes of one relay share it",
    allowed: "a path, relative ones from where the command is typed",
    fallback: null,
    otherwise: "blobs in THICKET_DATA",
    read: (text) => text,
  }),
  blobLimit: setting({
    name: "THICKET_BLOB_MIB",
    meaning: "the largest attachment, in MiB; may be larger by what hides its size",
    allowed: `a whole number from 1 to ${MOST_BLOB_MIB}`,
    fallback: "100",
    read: (text) => readBlobLimit(text),
  }),
  blobDays: setting({
    name: "THICKET_BLOB_DAYS",
    meaning: "days for which attachments are kept",
    allowed: "a whole number from 1 to 3650",
    fallback: "35",
    read: (text) => integer(text, 1, 3650),
  }),
  redis: setting({
    name: "THICKET_REDIS",
    meaning: "Redis by which several nodes tell each other what is new and share rate limits",
    allowed: "a URL such as redis://cache.internal:6379",
    fallback: null,
    otherwise: "none: this is the only node",
    read: (text) => url(text, ["redis:", "rediss:"]),
  }),
  roles: setting({
    name: "THICKET_ROLES",
    meaning: "what this process serves: the web app, the Delivery Service, the Authentication Service",
    allowed: `some of ${ROLES.join(", ")}, with commas`,
    fallback: ROLES.join(","),
    read: readRoles,
  }),
  asKeys: setting({
    name: "THICKET_AS_KEYS",
    meaning: "public keys of the Authentication Service, for a Delivery Service that runs without it",
    allowed: "keys of 64 hexadecimal digits, with commas",
    fallback: null,
    otherwise: "those of the Authentication Service in this process",
    read: readKeys,
  }),
  origins: setting({
    name: "THICKET_ORIGIN",
    meaning: "where people reach the relay; several with commas, the main one first",
    allowed: "scheme, host and port only, for example https://chat.example",
    fallback: null,
    otherwise: "http://localhost and the port: for this machine only",
    read: readOrigins,
  }),
  mimiHost: setting({
    name: "THICKET_MIMI_HOST",
    meaning: "host part of the ids made here; never change it once there are accounts",
    allowed: "a host name in lower case, for example chat.example",
    fallback: null,
    otherwise: "the host of THICKET_ORIGIN",
    read: (text) => (/^[a-z0-9.-]{1,255}$|^\[[0-9a-f:]+\]$/.test(text) ? text : undefined),
  }),
  webDirectory: setting({
    name: "THICKET_WEB",
    meaning: "directory of the built web app",
    allowed: "a path, relative ones from where the command is typed",
    fallback: null,
    otherwise: "apps/web/dist",
    read: (text) => text,
  }),
  logLevel: setting({
    name: "THICKET_LOG",
    meaning: "how much is logged, one JSON object a line",
    allowed: `one of ${LOG_LEVELS.join(", ")}`,
    fallback: "info",
    read: (text) => oneOf(LOG_LEVELS, text),
  }),
  metrics: setting({
    name: "THICKET_METRICS",
    meaning: "address and port of /metrics, away from what people reach",
    allowed: "an address and a port, for example 127.0.0.1:9464",
    fallback: null,
    otherwise: "no metrics",
    read: readAddress,
  }),
  registration: setting({
    name: "THICKET_REGISTRATION",
    meaning: "who may sign up: anybody, who has an invite code, or nobody",
    allowed: `one of ${REGISTRATIONS.join(", ")}`,
    fallback: "open",
    read: (text) => oneOf(REGISTRATIONS, text),
  }),
  trustedProxies: setting({
    name: "THICKET_TRUST_PROXY",
    meaning: "how many reverse proxies stand in front, for the addresses in X-Forwarded-For",
    allowed: "a number from 0 to 10",
    fallback: null,
    otherwise: "1 where THICKET_HOST is a loopback address, else 0",
    read: (text) => integer(text, 0, 10),
  }),
  drainSeconds: setting({
    name: "THICKET_DRAIN",
    meaning: "seconds over which connections are handed to other nodes after SIGTERM",
    allowed: "a number from 0 to 600",
    fallback: null,
    otherwise: "10 with THICKET_REDIS, else 0",
    read: (text) => integer(text, 0, 600),
  }),
  pingSeconds: setting({
    name: "THICKET_PING",
    meaning: "a connection is asked for a sign of life after so many seconds, and cut after as many more",
    allowed: "a number from 1 to 300",
    fallback: "20",
    read: (text) => integer(text, 1, 300),
  }),
  limitConnections: limit("CONNECTIONS", 20_000, "connections to this node"),
  limitConnectionsPerAddress: limit(
    "CONNECTIONS_PER_ADDRESS",
    500,
    "connections from one address (IPv6: one /64)",
  ),
  limitRequestsTotal: limit("REQUESTS_TOTAL", 20_000, "requests a second to this node"),
  limitRequestsPerAddress: limit("REQUESTS_PER_ADDRESS", 2000, "requests a second from one address"),
  limitRequests: limit("REQUESTS", 200, "requests a second on one connection; what is faster waits"),
  limitMessages: limit("MESSAGES", 20, "messages a second of one device"),
  limitCommits: limit("COMMITS", 1, "commits a second of one seat"),
  limitClaims: limit("CLAIMS", 5, "claims of key packages a second by one device"),
  limitClaimsPerTarget: limit("CLAIMS_PER_TARGET", 10, "claims an hour by one account from one device"),
  limitKnocks: limit("KNOCKS", 5, "knocks an hour of one device"),
  limitLogins: limit("LOGINS", 300, "logins a minute from one address"),
  limitRegistrations: limit("REGISTRATIONS", 60, "accounts an hour from one address"),
  limitMessageBytes: size("MESSAGE_BYTES", LIMITS.applicationEntry, "largest message"),
  limitCommitBytes: size("COMMIT_BYTES", LIMITS.commitBundle, "largest commit with its Welcomes"),
} as const;

/** Named in the environment of developers, and nothing of the relay's. */
export const NOT_OURS: readonly string[] = ["THICKET_RELAY"];

function limit(name: string, fallback: number, meaning: string) {
  return setting({
    name: `THICKET_LIMIT_${name}`,
    meaning: `limit: ${meaning}`,
    allowed: "a number from 1 to 1000000",
    fallback: String(fallback),
    read: (text) => integer(text, 1, 1_000_000),
  });
}

/** The wire's own limit can be lowered, not raised. */
function size(name: string, most: number, meaning: string) {
  return setting({
    name: `THICKET_LIMIT_${name}`,
    meaning: `limit: ${meaning}, in bytes`,
    allowed: `a number from 1024 to ${most}`,
    fallback: String(most),
    read: (text) => integer(text, 1024, most),
  });
}

function integer(text: string, least: number, most: number): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}

/** -> bytes, padded. */
function readBlobLimit(text: string): number | undefined {
  const mib = integer(text, 1, MOST_BLOB_MIB);
  return mib === undefined ? undefined : padBlobSize(mib * MIB);
}

function oneOf<const T extends string>(known: readonly T[], text: string): T | undefined {
  return known.find((one) => one === text);
}

function url(text: string, protocols: readonly string[]): string | undefined {
  const parsed = URL.parse(text);
  return parsed !== null && protocols.includes(parsed.protocol) ? text : undefined;
}

function readRoles(text: string): ReadonlySet<Role> | undefined {
  const roles = new Set<Role>();
  for (const part of text.split(",")) {
    const role = oneOf(ROLES, part.trim());
    if (role === undefined) return undefined;
    roles.add(role);
  }
  return roles;
}

function readKeys(text: string): readonly Uint8Array[] | undefined {
  const keys = text.split(",").map((part) => part.trim());
  if (!keys.every((key) => /^[0-9a-f]{64}$/.test(key))) return undefined;
  return keys.map((key) => Uint8Array.from(Buffer.from(key, "hex")));
}

function readAddress(text: string): { host: string; port: number } | undefined {
  const parsed = URL.parse(`http://${text}`);
  if (parsed === null || !/^[^/@?#]+:\d+$/.test(text)) return undefined;
  const port = Number(/:(\d+)$/.exec(text)?.[1]);
  return { host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

function readOrigins(text: string): readonly [string, ...string[]] | undefined {
  const origins: string[] = [];
  for (const part of text.split(",")) {
    const parsed = URL.parse(part.trim());
    if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) return undefined;
    if (parsed.pathname !== "/" || parsed.search !== "" || parsed.hash !== "" || parsed.username !== "") {
      return undefined;
    }
    origins.push(parsed.origin);
  }
  const [first, ...others] = origins;
  return first === undefined ? undefined : [first, ...others];
}
