import { type AuthenticationReply, type AuthenticationRequest, normaliseHandle } from "@thicket/protocol";
import { refuse } from "@thicket/storage";
import type { ServiceContext } from "../service-context.ts";
import { isHandleTaken } from "./register-account.ts";

/** Whether the handle is free as of now. Refuses with HANDLE_MALFORMED or HANDLE_TAKEN. */
export async function checkHandle(
  { database }: ServiceContext,
  request: AuthenticationRequest<"handle.check">,
): Promise<AuthenticationReply<"handle.check">> {
  const handle = normaliseHandle(request.handle);
  if (handle === undefined) return refuse("HANDLE_MALFORMED");
  return database.read(async (reader) =>
    (await isHandleTaken(reader, handle)) ? refuse("HANDLE_TAKEN") : { ok: true },
  );
}
