import { type AsKey, checkLogin, createVerifiedCache } from "@thicket/credential";
import { verifyEd25519 } from "@thicket/mls/public";
import { AccountId, DeviceId, type Login, toHex } from "@thicket/protocol";
import type { DeviceIdentity } from "../device-identity.ts";

/** -> who logs in with this proof on this connection, undefined for nobody. `nonce` is the one of its `hello`. */
export type LoginCheck = (
  login: Login,
  connection: { nonce: Uint8Array; origin: string; socketId: string },
) => Promise<DeviceIdentity | undefined>;

/**
 * The DS's own judgement of a login (`delivery.md`, Connection): it needs the AS's public keys and not the AS, so
 * chats go on while that is down. `now` in milliseconds; `trustedAsKeys` is asked at every login.
 */
export function createLoginCheck(options: {
  trustedAsKeys: () => readonly AsKey[];
  now: () => number;
}): LoginCheck {
  const cache = createVerifiedCache(10_000);
  return async (login, connection) => {
    const verdict = await checkLogin(
      login,
      { role: "ds", ...connection },
      {
        trustedAsKeys: options.trustedAsKeys(),
        now: BigInt(Math.floor(options.now() / 1000)),
        verify: verifyEd25519,
        cache,
      },
    );
    if (!verdict.ok) return undefined;
    return identity(toHex(verdict.device.userId), toHex(verdict.device.deviceId));
  };
}

function identity(userId: string, deviceId: string): DeviceIdentity | undefined {
  const user = AccountId["~standard"].validate(userId);
  const device = DeviceId["~standard"].validate(deviceId);
  if (user instanceof Promise || device instanceof Promise) return undefined;
  if (user.issues !== undefined || device.issues !== undefined) return undefined;
  return { userId: user.value, deviceId: device.value };
}
