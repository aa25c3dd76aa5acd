import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { AsKey } from "@thicket/credential";
import { type Random, ed25519KeyPair } from "@thicket/mls/public";
import { fromHex, toHex } from "@thicket/protocol";
import { AuthenticationStartError } from "./start-error.ts";

/** One AS key with its private half. */
export interface AsKeyPair extends AsKey {
  /** Ed25519 seed, 32 bytes. */
  seed: Uint8Array;
}

/** A fresh key. Its id is the first 8 bytes of SHA-256 of the public key. */
export async function createAsKey(random: Random): Promise<AsKeyPair> {
  return keyFromSeed(random.bytes(32));
}

/**
 * The keys in the file, newest first; undefined where there is no file.
 * @throws AuthenticationStartError AS_KEY_LOST where there is one that can't be read or understood: it is never overwritten.
 */
export async function readAsKeys(file: string): Promise<AsKeyPair[] | undefined> {
  try {
    return await Promise.all(seedsIn(JSON.parse(readFileSync(file, "utf8"))).map(keyFromSeed));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new AuthenticationStartError("AS_KEY_LOST", `The key file ${file} can't be read.`, { cause });
  }
}

/** Writes the file (mode 0600) so that a crash leaves either none or all of it. */
export function writeAsKeys(file: string, keys: readonly AsKeyPair[]): void {
  const text = JSON.stringify({ version: 1, seeds: keys.map(({ seed }) => toHex(seed)) });
  const draft = `${file}.new`;
  const descriptor = openSync(draft, "w", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
  const directory = openSync(dirname(file), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

async function keyFromSeed(seed: Uint8Array): Promise<AsKeyPair> {
  const { publicKey } = await ed25519KeyPair({ bytes: () => seed });
  const digest = createHash("sha256").update(publicKey).digest();
  return { keyId: Uint8Array.from(digest.subarray(0, 8)), publicKey, seed };
}

function seedsIn(value: unknown): Uint8Array[] {
  if (typeof value !== "object" || value === null) throw new TypeError("no key file");
  const seeds: unknown = Reflect.get(value, "seeds");
  if (Reflect.get(value, "version") !== 1 || !Array.isArray(seeds))
    throw new TypeError("no key file of version 1");
  const keys = seeds.map((seed) => fromHex(String(seed)));
  if (keys.length === 0 || keys.some((key) => key.length !== 32)) throw new TypeError("no keys of 32 bytes");
  return keys;
}

/** The public keys in the file, newest first; none where no Authentication Service ever started with it. */
export async function readAsPublicKeys(file: string): Promise<readonly Uint8Array[]> {
  const keys = await readAsKeys(file);
  return keys?.map(({ publicKey }) => publicKey) ?? [];
}
