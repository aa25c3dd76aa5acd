import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AsKey, LoginChallenge } from "@thicket/credential";
import { type Random, equalBytes } from "@thicket/mls/public";
import type { AuthenticationReply, AuthenticationRequest, Login, Registration } from "@thicket/protocol";
import { type DatabaseLocation, DatabaseStartError, type Health, refuse } from "@thicket/storage";
import { type DeviceIdentity, type LoginReply, checkDeviceLogin } from "./accounts/check-device-login.ts";
import { checkHandle } from "./accounts/check-handle.ts";
import { lookupHandle } from "./accounts/lookup-handle.ts";
import { registerAccount } from "./accounts/register-account.ts";
import { renewAttestation } from "./accounts/renew-attestation.ts";
import { type AsKeyPair, createAsKey, readAsKeys, writeAsKeys } from "./as-key-file.ts";
import { type Database, openDatabase } from "./db/database.ts";
import type { ServiceContext } from "./service-context.ts";
import { AuthenticationStartError } from "./start-error.ts";

/** A database in memory that is closed again is gone, and its key with it. */
const IN_MEMORY = ":memory:";
const KEY_FILE = "authentication-key.json";
const NO_KEY = new Uint8Array();

export interface AuthenticationServiceOptions {
  database: DatabaseLocation;
  /**
   * The file of the AS's private keys, one for all nodes. By default `authentication-key.json` beside an SQLite
   * database, and none for a database in memory; PostgreSQL needs it said.
   */
  keyFile?: string;
  /** Who may sign up: by default anybody. */
  registration?: Registration;
  /** Milliseconds since 1970 UTC. */
  now: () => number;
  random: Random;
  /** Told of errors of the database, which a client sees as a code only. */
  onFault?: (error: unknown) => void;
  /** When a batch of waiting writes starts: see storage's DatabaseOptions. */
  defer?: (run: () => void) => void;
}

/** The AS without sockets. Requests have passed their schemas; every reply that is ok is on the disk. */
export interface AuthenticationService {
  /** Newest first. */
  readonly asKeys: readonly AsKey[];
  /** `nonce` is the one of the connection's `hello`. */
  register(
    request: AuthenticationRequest<"account.register">,
    nonce: Uint8Array,
  ): Promise<AuthenticationReply<"account.register">>;
  handleCheck(request: AuthenticationRequest<"handle.check">): Promise<AuthenticationReply<"handle.check">>;
  /** For logged-in devices. */
  lookup(request: AuthenticationRequest<"handle.lookup">): Promise<AuthenticationReply<"handle.lookup">>;
  renew(device: DeviceIdentity): Promise<AuthenticationReply<"attestation.renew">>;
  checkLogin(login: Login, challenge: Omit<LoginChallenge, "role">): Promise<LoginReply>;
  /** `failing` while the store takes no writes: nothing is lost, and nothing is acknowledged. */
  health(): Health;
  /** Whether a write goes through now. */
  isWriting(): Promise<boolean>;
  /** Finishes what is under way. */
  close(): Promise<void>;
}

/**
 * Opens the service, or makes it ready where there was none.
 * @throws AuthenticationStartError or DatabaseStartError; what was there is left as it was.
 */
export async function openAuthenticationService(
  options: AuthenticationServiceOptions,
): Promise<AuthenticationService> {
  const { now, random, registration = "open", onFault = () => undefined, defer } = options;
  const location = options.database;
  makeDirectory(location);
  const keyFile = options.keyFile ?? defaultKeyFile(location);
  const database = await openDatabase({ location, onFault, defer });
  try {
    const keys = await openKeys(database, location, keyFile, random);
    return serve({ database, keys, registration, seconds: () => Math.floor(now() / 1000) });
  } catch (error) {
    await database.close();
    throw error;
  }
}

function serve(context: ServiceContext): AuthenticationService {
  return {
    asKeys: context.keys.map(({ keyId, publicKey }) => ({ keyId, publicKey })),
    register: (request, nonce) => registerAccount(context, request, nonce),
    handleCheck: (request) => checkHandle(context, request),
    lookup: (request) => lookupHandle(context, request),
    renew: ({ userId }) => renewAttestation(context, userId),
    checkLogin: (login, challenge) => checkDeviceLogin(context, login, challenge),
    health: () => context.database.health(),
    isWriting: () => isWriting(context.database),
    close: () => context.database.close(),
  };
}

/** Takes the writer's turn and changes nothing. */
async function isWriting(database: Database): Promise<boolean> {
  const tried = await database.write(async (tx) => {
    await tx.change.deleteFrom("as_keys").where("key_id", "=", NO_KEY).execute();
    return { ok: true as const };
  });
  return tried.ok && database.health() === "ok";
}

function makeDirectory(location: DatabaseLocation): void {
  if (location.kind !== "sqlite" || location.file === IN_MEMORY) return;
  const directory = dirname(location.file);
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw new DatabaseStartError("DATABASE_UNREADABLE", `The directory ${directory} can't be made.`, {
      cause,
    });
  }
}

function defaultKeyFile(location: DatabaseLocation): string | undefined {
  if (location.kind === "postgres") throw new TypeError("a key file must be named where there is PostgreSQL");
  return location.file === IN_MEMORY ? undefined : join(dirname(location.file), KEY_FILE);
}

type Keys = readonly [AsKeyPair, ...AsKeyPair[]];

/**
 * The AS's keys. A new one is made only where nobody relies on another: for existing accounts it would look like
 * another server that took this one's place, and on PostgreSQL other nodes may be attesting with theirs.
 */
async function openKeys(
  database: Database,
  location: DatabaseLocation,
  file: string | undefined,
  random: Random,
): Promise<Keys> {
  const kept = file === undefined ? undefined : await readAsKeys(file);
  const [newest, ...older] = kept ?? [await createAsKey(random)];
  if (newest === undefined)
    throw new AuthenticationStartError("AS_KEY_LOST", `The key file ${file} is empty.`);
  const keys: Keys = [newest, ...older];
  const mayReplace = location.kind === "sqlite";
  let unwritable: unknown;
  const found = await database.write(async (tx) => {
    await tx.lock("as_keys");
    const account = await tx.query.selectFrom("accounts").select("user_id").limit(1).executeTakeFirst();
    const used = await tx.query.selectFrom("as_keys").select("public_key").execute();
    if (account !== undefined || !mayReplace) {
      const held = kept ?? [];
      const lost = used.some((row) => !held.some((key) => equalBytes(key.publicKey, row.public_key)));
      if (lost || (account !== undefined && kept === undefined)) return { ok: true as const, lost: true };
    } else await tx.change.deleteFrom("as_keys").execute();
    // The file first: what the database remembers is on a disk. A file whose database failed then is taken as it is.
    try {
      if (kept === undefined && file !== undefined) writeAsKeys(file, keys);
    } catch (error) {
      unwritable = error;
      return refuse("STORE_FAILED");
    }
    for (const { keyId, publicKey } of keys) {
      await tx.change
        .insertInto("as_keys")
        .values({ key_id: keyId, public_key: publicKey })
        .onConflict((conflict) => conflict.column("key_id").doNothing())
        .execute();
    }
    return { ok: true as const, lost: false };
  });
  if (unwritable !== undefined) {
    const sentence = `The key file ${file} can't be written.`;
    throw new AuthenticationStartError("AS_KEY_LOST", sentence, { cause: unwritable });
  }
  if (!found.ok) {
    throw new DatabaseStartError("DATABASE_UNREADABLE", "The database doesn't take the AS's public key.");
  }
  if (found.lost) {
    throw new AuthenticationStartError(
      "AS_KEY_LOST",
      `What is here was attested with a key that ${file} doesn't hold. Restore that file from a backup, or copy it from another node.`,
    );
  }
  return keys;
}
