import { join, resolve } from "node:path";
import { LIMITS, padBlobSize } from "@thicket/protocol";
import { StartError } from "./start-error.ts";

export interface Config {
  host: string;
  port: number;
  /** Absolute path of the directory of what is kept: both databases, where these are files, and the AS key. */
  dataDirectory: string;
  /** Absolute path of the directory of blobs. */
  blobDirectory: string;
  /** The largest blob, bytes. */
  blobLimit: number;
  /** How long a blob is kept. */
  blobDays: number;
  /** A PostgreSQL in the place of the files; undefined for none. Holds a password, perhaps. */
  databaseUrl: string | undefined;
  /** Absolute path of the AS key. */
  asKeyFile: string;
  /** Absolute path of the built web app. */
  webDirectory: string;
  /**
   * Scheme, host and port under which clients reach the relay: what their logins sign. The first is the main one;
   * undefined for a relay that serves this machine only.
   */
  origins: readonly [string, ...string[]] | undefined;
  /** The host part of `mimi://` ids made here. */
  mimiHost: string;
  logLevel: LogLevel;
}

const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const HELP = `Thicket's relay: serves the web app, the Delivery Service and the Authentication Service.

  --help            this text
  doctor            checks the databases and the AS key, also while a relay runs
  backup DIRECTORY  copies them into a new directory, also while a relay runs

Settings come from the environment:
  THICKET_PORT       port to listen on, 0 for any free one        (default 8080)
  THICKET_HOST       address to listen on                         (default 127.0.0.1)
  THICKET_DATA       directory of the databases and the AS key    (default ./data)
  THICKET_BLOBS      directory of encrypted attachments; nodes
                     of one relay share it                        (default blobs in THICKET_DATA)
  THICKET_BLOB_MIB   the largest attachment, 1 to 16384 MiB       (default 100)
  THICKET_BLOB_DAYS  how long attachments are kept, 1 to 3650     (default 35)
  THICKET_DATABASE   postgres://user:password@host/database in the
                     place of files, for several nodes            (default files in THICKET_DATA)
  THICKET_AS_KEY     the AS key, the same file on every node      (default THICKET_DATA/authentication-key.json)
  THICKET_ORIGIN     where people reach it, for example
                     https://chat.example; several with commas    (default http://localhost:<port>)
  THICKET_MIMI_HOST  host part of the ids made here; never change
                     it once there are accounts                   (default the host of THICKET_ORIGIN)
  THICKET_WEB        directory of the built web app               (default apps/web/dist)
  THICKET_LOG        ${LOG_LEVELS.join(", ")}             (default info)
`;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings from the environment; relative paths are against where the command was typed (INIT_CWD under pnpm).
 * @throws StartError CONFIG_INVALID, with a sentence that names the setting.
 */
export function readConfig(env: Environment, cwd: string): Config {
  const from = setting(env, "INIT_CWD") ?? cwd;
  const port = readPort(setting(env, "THICKET_PORT") ?? "8080");
  const origins = readOrigins(setting(env, "THICKET_ORIGIN"));
  const mimiHost = setting(env, "THICKET_MIMI_HOST") ?? new URL(origins?.[0] ?? "http://localhost").hostname;
  if (!/^[a-z0-9.-]{1,255}$|^\[[0-9a-f:]+\]$/.test(mimiHost)) {
    throw invalid("THICKET_MIMI_HOST", "a host name in lower case, for example chat.example");
  }
  const dataDirectory = resolve(from, setting(env, "THICKET_DATA") ?? "data");
  return {
    host: setting(env, "THICKET_HOST") ?? "127.0.0.1",
    port,
    dataDirectory,
    blobDirectory: resolve(from, setting(env, "THICKET_BLOBS") ?? join(dataDirectory, "blobs")),
    blobLimit: readBlobLimit(setting(env, "THICKET_BLOB_MIB") ?? "100"),
    blobDays: readCount("THICKET_BLOB_DAYS", setting(env, "THICKET_BLOB_DAYS") ?? "35", 3650),
    databaseUrl: readDatabaseUrl(setting(env, "THICKET_DATABASE")),
    asKeyFile: resolve(
      from,
      setting(env, "THICKET_AS_KEY") ?? join(dataDirectory, "authentication-key.json"),
    ),
    webDirectory: resolve(from, setting(env, "THICKET_WEB") ?? join(import.meta.dirname, "../../web/dist")),
    origins,
    mimiHost,
    logLevel: readLogLevel(setting(env, "THICKET_LOG") ?? "info"),
  };
}

/** What is set to nothing is not set. */
function setting(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw invalid("THICKET_PORT", "a port number from 0 to 65535");
  return port;
}

/** -> bytes, padded: a blob of that many MiB may be larger by what hides its size. */
function readBlobLimit(text: string): number {
  const most = LIMITS.blobCeiling / 1024 ** 2;
  return padBlobSize(readCount("THICKET_BLOB_MIB", text, most) * 1024 ** 2);
}

function readCount(name: string, text: string, most: number): number {
  const count = Number(text);
  if (!/^[1-9]\d{0,9}$/.test(text) || count > most) throw invalid(name, `a whole number from 1 to ${most}`);
  return count;
}

function readDatabaseUrl(text: string | undefined): string | undefined {
  const protocol = text === undefined ? undefined : URL.parse(text)?.protocol;
  if (text === undefined || protocol === "postgres:" || protocol === "postgresql:") return text;
  throw invalid("THICKET_DATABASE", "an address like postgres://user@host:5432/database");
}

function readLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw invalid("THICKET_LOG", `one of ${LOG_LEVELS.join(", ")}`);
  return level;
}

function readOrigins(text: string | undefined): [string, ...string[]] | undefined {
  const [first, ...others] = text?.split(",").map(readOrigin) ?? [];
  return first === undefined ? undefined : [first, ...others];
}

function readOrigin(text: string): string {
  const url = URL.parse(text.trim());
  const plain = url?.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (url === null || !plain || !["http:", "https:"].includes(url.protocol)) throw invalidOrigin();
  return url.origin;
}

function invalidOrigin(): StartError {
  return invalid("THICKET_ORIGIN", "scheme, host and port only, for example https://chat.example");
}

function invalid(name: string, expected: string): StartError {
  return new StartError("CONFIG_INVALID", `${name} must be ${expected}.`);
}
