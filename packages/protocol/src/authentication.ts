import * as v from "valibot";
import { bytes, bytesOf } from "./bytes.ts";
import { replyOf } from "./errors.ts";
import { AccountId, DeviceId } from "./ids.ts";
import { LIMITS } from "./limits.ts";

/** An encoded attestation or device certificate (`packages/credential`). */
const signed = bytes(LIMITS.credential, 1);
/** What somebody typed: the service normalises and refuses with HANDLE_MALFORMED rather than MALFORMED_REQUEST. */
const typedHandle = v.pipe(v.string(), v.maxLength(256));

/** The requests of the Authentication Service (`identity.md`): name -> request and reply schemas. */
export const authenticationRequests = {
  /** Sign-up. `proof` is the root key's signature over (handle, user id, root key, device certificate, socket nonce). Repeating it with the same keys gives the same account. */
  "account.register": {
    request: v.object({
      handle: typedHandle,
      userId: AccountId,
      rootKey: bytesOf(32),
      deviceCertificate: signed,
      proof: bytesOf(64),
      /** What the operator gave out, where registering takes an invitation (INVITE_REFUSED). */
      invite: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(LIMITS.inviteCode))),
    }),
    reply: replyOf({ attestation: signed }),
  },
  /** Before login: may this handle be taken? A courtesy to the person typing; registering decides. */
  "handle.check": {
    request: v.object({ handle: typedHandle }),
    reply: replyOf({}),
  },
  /** Exact handles only, logged-in devices only. */
  "handle.lookup": {
    request: v.object({ handle: typedHandle }),
    reply: replyOf({
      userId: AccountId,
      attestation: signed,
      devices: v.pipe(
        v.array(v.object({ deviceId: DeviceId, deviceCertificate: signed })),
        v.maxLength(LIMITS.devicesPerAccount),
      ),
    }),
  },
  /** A fresh attestation for the logged-in account, same root. */
  "attestation.renew": {
    request: v.object({}),
    reply: replyOf({ attestation: signed }),
  },
} as const;

export type AuthenticationRequests = typeof authenticationRequests;
export type AuthenticationRequest<K extends keyof AuthenticationRequests> = v.InferOutput<
  AuthenticationRequests[K]["request"]
>;
export type AuthenticationReply<K extends keyof AuthenticationRequests> = v.InferOutput<
  AuthenticationRequests[K]["reply"]
>;
