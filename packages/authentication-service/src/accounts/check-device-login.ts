import { type LoginChallenge, checkLogin } from "@thicket/credential";
import { equalBytes, verifyEd25519 } from "@thicket/mls/public";
import { type AccountId, type DeviceId, type Login, toHex } from "@thicket/protocol";
import { type Refusal, refuse } from "@thicket/storage";
import type { ServiceContext } from "../service-context.ts";

/** Who is logged in on a connection. */
export interface DeviceIdentity {
  readonly userId: AccountId;
  readonly deviceId: DeviceId;
}

export type LoginReply = ({ ok: true } & DeviceIdentity) | Refusal;

/**
 * Whether this is a device of an account here, on this connection. An expired attestation will do: the device comes
 * for the next one. Refuses with LOGIN_REFUSED, whatever is wrong.
 */
export async function checkDeviceLogin(
  { database, keys, seconds }: ServiceContext,
  login: Login,
  challenge: Omit<LoginChallenge, "role">,
): Promise<LoginReply> {
  const verdict = await checkLogin(
    login,
    { ...challenge, role: "as" },
    { trustedAsKeys: keys, now: BigInt(seconds()), attestationMayBeExpired: true, verify: verifyEd25519 },
  );
  if (!verdict.ok) return refuse("LOGIN_REFUSED");
  const { attestation, device } = verdict;
  return database.read(async ({ query }) => {
    // By root key: it is unique, and the attestation has tied it to the user id and the handle.
    const known = await query
      .selectFrom("accounts")
      .innerJoin("devices", "devices.user_id", "accounts.user_id")
      .select(["accounts.user_id as userId", "device_id as deviceId", "device_key", "device_seq"])
      .where("root_key", "=", Uint8Array.from(attestation.rootKey))
      .execute();
    const [userId, deviceId] = [toHex(device.userId), toHex(device.deviceId)];
    const found = known.find((row) => row.userId === userId && row.deviceId === deviceId);
    // A certificate may be newer than the one kept here, never older.
    if (found === undefined || !equalBytes(found.device_key, device.deviceKey))
      return refuse("LOGIN_REFUSED");
    if (device.deviceSeq < found.device_seq) return refuse("LOGIN_REFUSED");
    return { ok: true, userId: found.userId, deviceId: found.deviceId };
  });
}
