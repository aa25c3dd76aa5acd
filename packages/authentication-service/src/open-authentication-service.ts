import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { AsKey, LoginChallenge } from "@thicket/credential";
import { type Random, equalBytes } from "@thicket/mls/public";
import type { AuthenticationReply, AuthenticationRequest, Login } from "@thicket/protocol";
import { type DeviceIdentity, type LoginReply, checkDeviceLogin } from "./accounts/check-device-login.ts";
import { checkHandle } from "./accounts/check-handle.ts";
import { lookupHandle } from "./accounts/lookup-handle.ts";
import { registerAccount } from "./accounts/register-account.ts";
import { renewAttestation } from "./accounts/renew-attestation.ts";
import { asKeyFile, type AsKeyPair, createAsKey, readAsKeys, writeAsKeys } from "./as-key-file.ts";
import { createDatabase } from "./db/database.ts";
import { openConnection } from "./db/open-connection.ts";
import type { ServiceContext } from "./service-context.ts";
import { AuthenticationStartError } from "./start-error.ts";

/** In the place of a directory: nothing is kept. */
export const IN_MEMORY = ":memory:";

export interface AuthenticationServiceOptions {
  /** Holds `authentication.sqlite` and `authentication-key.json`; made where it is missing. Nobody else may have it open. */
  directory: string;
  /** Milliseconds since 1970 UTC. */
  now: () => number;
  random: Random;
  /** Told of errors of the database, which a client sees as a code only. */
  onFault?: (error: unknown) => void;
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
  /** Finishes what is under way. */
  close(): Promise<void>;
}

/**
 * Opens the service, or makes it ready where there was none.
 * @throws AuthenticationStartError; the files are left as they were.
 */
export async function openAuthenticationService(
  options: AuthenticationServiceOptions,
): Promise<AuthenticationService> {
  const { directory, now, random, onFault = () => undefined } = options;
  const connection = openConnection(databaseFile(directory));
  try {
    const keys = await openKeys(connection, directory, random);
    return serve({
      database: createDatabase(connection, onFault),
      keys,
      seconds: () => Math.floor(now() / 1000),
    });
  } catch (error) {
    connection.close();
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
    close: () => context.database.close(),
  };
}

function databaseFile(directory: string): string {
  if (directory === IN_MEMORY) return IN_MEMORY;
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw new AuthenticationStartError("DATABASE_UNREADABLE", `The directory ${directory} can't be made.`, {
      cause,
    });
  }
  return join(directory, "authentication.sqlite");
}

/**
 * The AS's keys. A new one is made only where there are no accounts: for existing ones it would look like another
 * server that took this one's place.
 */
async function openKeys(
  connection: DatabaseSync,
  directory: string,
  random: Random,
): Promise<readonly [AsKeyPair, ...AsKeyPair[]]> {
  const file = asKeyFile(directory);
  const kept = directory === IN_MEMORY ? undefined : await readAsKeys(file);
  const hasAccounts = connection.prepare("SELECT 1 FROM accounts LIMIT 1").get() !== undefined;
  if (hasAccounts) refuseLostKeys(connection, kept ?? [], file);
  const [newest, ...older] = kept ?? [await createAsKey(random)];
  if (newest === undefined)
    throw new AuthenticationStartError("AS_KEY_LOST", `The key file ${file} is empty.`);
  if (kept === undefined && directory !== IN_MEMORY) writeAsKeys(file, [newest]);
  if (!hasAccounts) connection.exec("DELETE FROM as_keys");
  const add = connection.prepare("INSERT OR IGNORE INTO as_keys (key_id, public_key) VALUES (?, ?)");
  for (const { keyId, publicKey } of [newest, ...older]) add.run(keyId, publicKey);
  return [newest, ...older];
}

function refuseLostKeys(connection: DatabaseSync, kept: readonly AsKeyPair[], file: string): void {
  const used = connection.prepare("SELECT public_key FROM as_keys").all();
  for (const { public_key: publicKey } of used) {
    const found = kept.some((key) => publicKey instanceof Uint8Array && equalBytes(key.publicKey, publicKey));
    if (!found) {
      throw new AuthenticationStartError(
        "AS_KEY_LOST",
        `The accounts here were attested with a key that ${file} doesn't hold. Restore that file from a backup.`,
      );
    }
  }
}
