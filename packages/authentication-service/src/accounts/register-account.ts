import {
  type Attestation,
  type DeviceCertificate,
  chainFailure,
  encodeAttestation,
  readDeviceCertificate,
  verifyRegistration,
} from "@thicket/credential";
import { equalBytes, verifyEd25519 } from "@thicket/mls/public";
import {
  type AccountId,
  type AuthenticationReply,
  type AuthenticationRequest,
  type DeviceId,
  type Handle,
  fromHex,
  normaliseHandle,
  toHex,
} from "@thicket/protocol";
import { EVENT_KIND, appendEvent } from "../append-event.ts";
import { attest } from "../attest.ts";
import type { Transaction } from "../db/access.ts";
import { refuse } from "@thicket/storage";
import type { ServiceContext } from "../service-context.ts";
import { useInvite } from "./invites.ts";

type Request = AuthenticationRequest<"account.register">;
type RegisterReply = AuthenticationReply<"account.register">;

/**
 * Signs somebody up: the handle is theirs if it is free, and the AS attests it with the root key that they showed
 * to hold. Repeated with the same keys and handle, it gives the same account and its attestation.
 * `nonce` is the connection's; the proof was made over it and the normalised handle.
 * Refuses with HANDLE_MALFORMED, CREDENTIAL_INVALID, ACCOUNT_TAKEN or HANDLE_TAKEN, and by how registration is set with
 * REGISTRATION_CLOSED or INVITE_REFUSED; an account that is there already is neither.
 */
export async function registerAccount(
  { database, keys, seconds, registration: mode }: ServiceContext,
  request: Request,
  nonce: Uint8Array,
): Promise<RegisterReply> {
  const handle = normaliseHandle(request.handle);
  if (handle === undefined) return refuse("HANDLE_MALFORMED");
  const device = readDeviceCertificate(request.deviceCertificate);
  const registration = { ...request, handle, userId: fromHex(request.userId), nonce };
  if (!device.ok || !(await verifyRegistration(verifyEd25519, registration, request.proof))) {
    return refuse("CREDENTIAL_INVALID");
  }
  const at = seconds();
  const attestation = await attest(keys[0], at, { ...registration, rootSeq: 0 });
  // What the AS gives out is what everybody else would accept.
  const failure = await chainFailure({
    userId: registration.userId,
    rootKey: request.rootKey,
    attestation,
    device: device.value,
    trustedAsKeys: keys,
    verify: verifyEd25519,
  });
  if (failure !== undefined || device.value.notAfter < BigInt(at)) return refuse("CREDENTIAL_INVALID");
  const account = { userId: request.userId, handle, rootKey: request.rootKey };
  const shown = { device: device.value, certificate: request.deviceCertificate, attestation, at };
  const admits: Admits = async (tx) => {
    if (mode === "closed") return "REGISTRATION_CLOSED";
    if (mode === "open") return undefined;
    const { invite } = request;
    return invite !== undefined && (await useInvite(tx, invite, at)) ? undefined : "INVITE_REFUSED";
  };
  return database.write((tx) => keepAccount(tx, account, shown, admits));
}

/** Whether somebody new is let in -> why not. Uses up an invitation with the account that it admits. */
type Admits = (tx: Transaction) => Promise<"REGISTRATION_CLOSED" | "INVITE_REFUSED" | undefined>;

interface Account {
  userId: AccountId;
  handle: Handle;
  rootKey: Uint8Array;
}

interface Shown {
  device: DeviceCertificate;
  certificate: Uint8Array;
  attestation: Attestation;
  at: number;
}

async function keepAccount(
  tx: Transaction,
  account: Account,
  shown: Shown,
  admits: Admits,
): Promise<RegisterReply> {
  await tx.lock(account.userId);
  const existing = await tx.query
    .selectFrom("accounts")
    .selectAll()
    .where((where) =>
      where.or([
        where("user_id", "=", account.userId),
        where("root_key", "=", Uint8Array.from(account.rootKey)),
      ]),
    )
    .executeTakeFirst();
  if (existing !== undefined) {
    const same =
      existing.user_id === account.userId &&
      existing.handle === account.handle &&
      equalBytes(existing.root_key, account.rootKey) &&
      (await holdsDevice(tx, account.userId, shown.device));
    return same ? { ok: true, attestation: existing.attestation } : refuse("ACCOUNT_TAKEN");
  }
  if (await isHandleTaken(tx, account.handle)) return refuse("HANDLE_TAKEN");
  const refusal = await admits(tx);
  return refusal === undefined ? addAccount(tx, account, shown) : refuse(refusal);
}

/** Handles are unique: exactly one account may hold one. */
export async function isHandleTaken(tx: Pick<Transaction, "query">, handle: Handle): Promise<boolean> {
  const holder = await tx.query
    .selectFrom("accounts")
    .select("user_id")
    .where("handle", "=", handle)
    .executeTakeFirst();
  return holder !== undefined;
}

function deviceIdOf(device: DeviceCertificate): DeviceId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- 16 bytes in hexadecimal are what the brand means
  return toHex(device.deviceId) as DeviceId;
}

async function holdsDevice(tx: Transaction, userId: AccountId, device: DeviceCertificate): Promise<boolean> {
  const devices = await tx.query
    .selectFrom("devices")
    .select(["device_id", "device_key"])
    .where("user_id", "=", userId)
    .execute();
  const deviceId = toHex(device.deviceId);
  return devices.some(
    (known) => known.device_id === deviceId && equalBytes(known.device_key, device.deviceKey),
  );
}

async function addAccount(
  tx: Transaction,
  { userId, handle, rootKey }: Account,
  { device, certificate, attestation: signed, at }: Shown,
): Promise<RegisterReply> {
  const attestation = Uint8Array.from(encodeAttestation(signed));
  await tx.change
    .insertInto("accounts")
    .values({ user_id: userId, handle, root_key: rootKey, attestation, attested_at: at })
    .execute();
  await tx.change
    .insertInto("devices")
    .values({
      user_id: userId,
      device_id: deviceIdOf(device),
      device_key: device.deviceKey,
      device_seq: device.deviceSeq,
      certificate,
    })
    .execute();
  await appendEvent(tx, userId, { kind: EVENT_KIND.attested, at, body: attestation });
  await appendEvent(tx, userId, { kind: EVENT_KIND.device, at, body: certificate });
  return { ok: true, attestation };
}
