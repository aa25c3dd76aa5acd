import {
  chainFailure,
  encodeDeviceCertificate,
  readAttestation,
  readDeviceCertificate,
  signDeviceCertificate,
  signRegistration,
} from "@thicket/credential";
import { ed25519KeyPair, equalBytes, signEd25519, verifyEd25519 } from "@thicket/mls";
import { type AuthenticationRequest, fromHex, type Handle, type Hello, toHex } from "@thicket/protocol";
import type { Random } from "../ports.ts";
import type { Step } from "../step.ts";
import type { AccountRow } from "../tables.ts";
import { parseAccountId, parseDeviceId } from "./parse-ids.ts";

const DAY = 86_400n;
/** A device certificate holds for a year at most; backdated by a day for clocks that are behind. */
const DEVICE_DAYS = 364n;

/**
 * The account's keys, made here and stored before the AS hears of them: a crash in between leads to the same account.
 * With `fresh` the keys of an earlier attempt are given up. Undefined where there is an account already: nothing of it
 * is touched.
 */
export async function prepareAccount(
  step: Step,
  handle: Handle,
  hello: Hello,
  fresh: boolean,
): Promise<AccountRow | undefined> {
  const known = step.account();
  if (known?.state === "signedUp") return undefined;
  const asKeys = hello.asKeys ?? [];
  if (known !== undefined && !fresh) {
    const again = { ...known, handle, host: hello.host, asKeys };
    step.setAccount(again);
    return again;
  }
  const { random } = step.deps.ports;
  const account = { ...(await makeKeys(random, step.now())), handle, host: hello.host, asKeys };
  step.setAccount(account);
  return account;
}

async function makeKeys(
  random: Random,
  now: number,
): Promise<Omit<AccountRow, "handle" | "host" | "asKeys">> {
  const userId = random.bytes(16);
  const deviceId = random.bytes(16);
  const root = await ed25519KeyPair(random);
  const device = await ed25519KeyPair(random);
  const seconds = BigInt(Math.floor(now / 1000));
  const certificate = await signDeviceCertificate((message) => signEd25519(root.privateKey, message), {
    userId,
    deviceId,
    deviceKey: device.publicKey,
    deviceSeq: 0,
    notBefore: seconds - DAY,
    notAfter: seconds + DEVICE_DAYS * DAY - DAY,
  });
  return {
    state: "registering",
    userId: parseAccountId(toHex(userId)),
    deviceId: parseDeviceId(toHex(deviceId)),
    rootPrivateKey: root.privateKey,
    rootPublicKey: root.publicKey,
    devicePrivateKey: device.privateKey,
    devicePublicKey: device.publicKey,
    deviceCertificate: encodeDeviceCertificate(certificate),
  };
}

/** The registration, proved by the root key for this one connection. */
export async function registrationOf(
  account: AccountRow,
  hello: Hello,
  invite: string | undefined,
): Promise<AuthenticationRequest<"account.register">> {
  const { handle, userId, rootPublicKey: rootKey, deviceCertificate } = account;
  const proof = await signRegistration((message) => signEd25519(account.rootPrivateKey, message), {
    handle,
    userId: fromHex(userId),
    rootKey,
    deviceCertificate,
    nonce: hello.nonce,
  });
  return { handle, userId, rootKey, deviceCertificate, proof, ...(invite === undefined ? {} : { invite }) };
}

/** Takes the AS's attestation if it says of this account what it is, under a key that the AS greeted with. */
export async function takeAttestation(step: Step, account: AccountRow, bytes: Uint8Array): Promise<boolean> {
  const attestation = readAttestation(bytes);
  const device = readDeviceCertificate(account.deviceCertificate);
  if (!attestation.ok || !device.ok) return false;
  const { handle, rootKey } = attestation.value;
  if (handle !== account.handle || !equalBytes(rootKey, account.rootPublicKey)) return false;
  const failure = await chainFailure({
    userId: fromHex(account.userId),
    rootKey: account.rootPublicKey,
    attestation: attestation.value,
    device: device.value,
    trustedAsKeys: account.asKeys,
    verify: verifyEd25519,
  });
  if (failure !== undefined) return false;
  step.setAccount({ ...account, state: "signedUp", attestation: bytes });
  step.setContact({
    userId: account.userId,
    handle: account.handle,
    rootKey: account.rootPublicKey,
  });
  return true;
}
