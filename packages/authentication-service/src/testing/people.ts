// People with real keys, and the service on a real database in a folder of its own. Keys come from names and time
// stands still unless a test moves it, so that a failure replays.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DeviceCertificateContent,
  type LoginChallenge,
  type Signer,
  encodeDeviceCertificate,
  signDeviceCertificate,
  signLogin,
  signRegistration,
} from "@thicket/credential";
import { ed25519KeyPair, signEd25519 } from "@thicket/mls/public";
import {
  type AccountId,
  type AuthenticationRequest,
  type DeviceId,
  type Login,
  toHex,
} from "@thicket/protocol";
import type { MakeDatabase } from "@thicket/storage/contract";
import { onTestFinished } from "vitest";
import {
  type AuthenticationService,
  type AuthenticationServiceOptions,
  openAuthenticationService,
} from "../index.ts";

/** Seconds. */
export const NOW = 1_800_000_000;
export const DAY = 86_400;
export const place = { nonce: bytesFrom("nonce", 32), origin: "https://chat.example", socketId: "A1b2" };

export function bytesFrom(seed: string, length: number): Uint8Array {
  return Uint8Array.from(createHash("sha512").update(seed).digest().subarray(0, length));
}

export async function keyFrom(seed: string): Promise<{ publicKey: Uint8Array; sign: Signer }> {
  const { publicKey, privateKey } = await ed25519KeyPair({ bytes: (length) => bytesFrom(seed, length) });
  return { publicKey: Uint8Array.from(publicKey), sign: (message) => signEd25519(privateKey, message) };
}

export interface Person {
  userId: AccountId;
  deviceId: DeviceId;
  rootKey: Uint8Array;
  deviceCertificate: Uint8Array;
  /** A request to register, as this person's client would send it with what `changes` says instead. */
  request(changes?: Partial<Registering>): Promise<AuthenticationRequest<"account.register">>;
  login(attestation: Uint8Array, changes?: Partial<LoginChallenge>): Promise<Login>;
}

export interface Registering {
  handle: string;
  /** What the proof is made over, where that isn't the handle. */
  signedHandle: string;
  userId: AccountId;
  nonce: Uint8Array;
}

/** `name` decides all keys and ids; `certificate` replaces fields of the device certificate. */
export async function person(
  name: string,
  certificate: Partial<DeviceCertificateContent> & { device?: string; root?: string } = {},
): Promise<Person> {
  const { device = "phone", root = "root", ...changed } = certificate;
  const rootKey = await keyFrom(`${name} ${root}`);
  const deviceKey = await keyFrom(`${name} ${device}`);
  const [userId, deviceId] = [bytesFrom(`${name} id`, 16), bytesFrom(`${name} ${device} id`, 16)];
  const signed = await signDeviceCertificate(rootKey.sign, {
    userId,
    deviceId,
    deviceKey: deviceKey.publicKey,
    deviceSeq: 1,
    notBefore: BigInt(NOW),
    notAfter: BigInt(NOW + 365 * DAY),
    ...changed,
  });
  const deviceCertificate = Uint8Array.from(encodeDeviceCertificate(signed));
  // oxlint-disable typescript/no-unsafe-type-assertion -- 16 bytes in hexadecimal are what the brands mean
  const ids = { userId: toHex(userId) as AccountId, deviceId: toHex(deviceId) as DeviceId };
  // oxlint-enable typescript/no-unsafe-type-assertion
  return {
    ...ids,
    rootKey: rootKey.publicKey,
    deviceCertificate,
    async request(changes = {}) {
      const handle = changes.handle ?? name;
      const proof = await signRegistration(rootKey.sign, {
        handle: changes.signedHandle ?? handle,
        userId,
        rootKey: rootKey.publicKey,
        deviceCertificate,
        nonce: changes.nonce ?? place.nonce,
      });
      return {
        handle,
        userId: changes.userId ?? ids.userId,
        rootKey: rootKey.publicKey,
        deviceCertificate,
        proof: Uint8Array.from(proof),
      };
    },
    async login(attestation, changes = {}) {
      const signature = await signLogin(deviceKey.sign, { role: "as", ...place, ...changes });
      return {
        attestation: Uint8Array.from(attestation),
        deviceCertificate,
        signature: Uint8Array.from(signature),
      };
    },
  };
}

/** A folder that goes when the test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "thicket-as-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Where a service is: its database and its key. */
export type Place = Pick<AuthenticationServiceOptions, "database" | "keyFile">;

/** A place that goes when the test ends. */
export function newPlace(make: MakeDatabase): Place {
  const made = make();
  onTestFinished(made.remove);
  return { database: made.location, keyFile: join(temporaryDirectory(), "authentication-key.json") };
}

/** A service that closes when the test ends, if the test hasn't closed it. Each opening draws other random bytes. */
export async function openService(
  where: string | Place,
  changes: Partial<AuthenticationServiceOptions> = {},
): Promise<AuthenticationService> {
  const seed = `opening ${openings++}`;
  const service = await openAuthenticationService({
    ...(typeof where === "string" ? inDirectory(where) : where),
    now: () => NOW * 1000,
    random: { bytes: (length) => bytesFrom(seed, length) },
    ...changes,
  });
  let closed: Promise<void> | undefined;
  const closing = { ...service, close: () => (closed ??= service.close()) };
  onTestFinished(closing.close);
  return closing;
}

function inDirectory(directory: string): Place {
  return { database: { kind: "sqlite", file: join(directory, "authentication.sqlite") } };
}

let openings = 0;

/** Registers somebody who is expected to be let in -> their attestation. */
export async function signUp(service: AuthenticationService, someone: Person): Promise<Uint8Array> {
  const reply = await service.register(await someone.request(), place.nonce);
  if (!reply.ok) throw new Error(`not registered: ${reply.error.code}`);
  return reply.attestation;
}
