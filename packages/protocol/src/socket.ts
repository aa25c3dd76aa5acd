import * as v from "valibot";
import { authenticationRequests } from "./authentication.ts";
import { bytes, bytesOf } from "./bytes.ts";
import { type DeliveryEvents, deliveryRequests } from "./delivery.ts";
import { replyOf } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/**
 * One Socket.IO connection carries two namespaces, `/as` and `/ds`; each greets with `hello`
 * and each is logged in to on its own, so the two services can also run on two hosts.
 */
export const NAMESPACES = { authentication: "/as", delivery: "/ds" } as const;

/** Anybody, who has an invite code, or nobody. */
export const Registration = v.picklist(["open", "invite", "closed"]);
export type Registration = v.InferOutput<typeof Registration>;

/** Sent by the service on connection. `nonce` is signed at login, once. */
export const Hello = v.object({
  nonce: bytesOf(32),
  /** The host part of `mimi://` ids made here. */
  host: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  serverTime: v.number(),
  /** Authentication Service only: the keys that attest accounts here, newest first. */
  asKeys: v.optional(v.array(v.object({ keyId: bytesOf(8), publicKey: bytesOf(32) }))),
  /** Authentication Service only: who may sign up here. Registering decides; this is for who chooses a handle. */
  registration: v.optional(Registration),
  limits: v.object({ applicationEntry: v.number(), commitBundle: v.number() }),
});
export type Hello = v.InferOutput<typeof Hello>;

/** Device login (`packages/credential`, login challenge): role label, nonce, origin and socket id signed by the device key. */
export const Login = {
  request: v.object({
    attestation: bytes(LIMITS.credential, 1),
    deviceCertificate: bytes(LIMITS.credential, 1),
    signature: bytesOf(64),
  }),
  reply: replyOf({}),
};
export type Login = v.InferOutput<typeof Login.request>;

export const requests = { ...deliveryRequests, ...authenticationRequests, login: Login } as const;

type RequestMap<R> = {
  [K in keyof R]: R[K] extends {
    request: infer Q extends v.GenericSchema;
    reply: infer A extends v.GenericSchema;
  }
    ? (request: v.InferInput<Q>, reply: (reply: v.InferInput<A>) => void) => void
    : never;
};
/** Socket.IO event maps, inferred from the schemas. */
export type DeliveryClientToServer = RequestMap<typeof deliveryRequests & { login: typeof Login }>;
export type AuthenticationClientToServer = RequestMap<
  typeof authenticationRequests & { login: typeof Login }
>;
export type DeliveryServerToClient = { hello: (hello: Hello) => void } & {
  [K in keyof DeliveryEvents]: (event: DeliveryEvents[K]) => void;
};
export type AuthenticationServerToClient = { hello: (hello: Hello) => void };
