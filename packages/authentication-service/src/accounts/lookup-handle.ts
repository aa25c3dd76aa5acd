import { type AuthenticationReply, type AuthenticationRequest, normaliseHandle } from "@thicket/protocol";
import { refuse } from "@thicket/storage";
import type { ServiceContext } from "../service-context.ts";

/**
 * Who holds exactly this handle, and their devices. The asker checks attestation and certificates for themselves.
 * Refuses with HANDLE_MALFORMED or HANDLE_UNKNOWN.
 */
export async function lookupHandle(
  { database }: ServiceContext,
  request: AuthenticationRequest<"handle.lookup">,
): Promise<AuthenticationReply<"handle.lookup">> {
  const handle = normaliseHandle(request.handle);
  if (handle === undefined) return refuse("HANDLE_MALFORMED");
  return database.read(async ({ query }) => {
    const account = await query
      .selectFrom("accounts")
      .select(["user_id as userId", "attestation"])
      .where("handle", "=", handle)
      .executeTakeFirst();
    if (account === undefined) return refuse("HANDLE_UNKNOWN");
    const devices = await query
      .selectFrom("devices")
      .select(["device_id as deviceId", "certificate as deviceCertificate"])
      .where("user_id", "=", account.userId)
      .orderBy("device_id")
      .execute();
    return { ok: true, ...account, devices };
  });
}
