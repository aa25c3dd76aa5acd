import type { AuthenticationService, DeviceIdentity } from "@thicket/authentication-service";
import { authenticationRequests } from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { checkOrigins, type Greeting } from "./greet.ts";
import { logInOnce } from "./log-in-once.ts";
import { parseRequest } from "./parse-request.ts";
import { addressOf } from "./address.ts";
import { type ConnectionDeps, openConnection } from "./open-connection.ts";
import { type Handler, refusal } from "./serve-requests.ts";

/** Signing up takes a person's time; a socket that hasn't logged in after this (ms) is cut. */
const LOGIN_WITHIN = 60_000;

export interface AuthenticationDeps extends ConnectionDeps {
  service: AuthenticationService;
}

/** `/as`: signing up and asking for a handle need no login; all else does. */
export function serveAuthentication(
  namespace: Namespace,
  greet: (socket: Socket) => Greeting,
  deps: AuthenticationDeps,
): void {
  namespace.on("connection", (socket) => {
    const session = openSession(socket, greet(socket), deps);
    openConnection(socket, { namespace: "as", loginWithin: LOGIN_WITHIN, ...session, deps });
  });
}

function openSession(socket: Socket, greeting: Greeting, deps: AuthenticationDeps) {
  const { service, origins, limits } = deps;
  let device: DeviceIdentity | undefined;

  const logIn = logInOnce(async (login) => {
    const found = await checkOrigins(origins, async (origin) => {
      const reply = await service.checkLogin(login, { nonce: greeting.nonce, origin, socketId: socket.id });
      return reply.ok ? reply : undefined;
    });
    if (found !== undefined) device = { userId: found.userId, deviceId: found.deviceId };
    return found !== undefined;
  });

  const handlers = new Map<string, Handler>([
    ["login", logIn],
    [
      "account.register",
      async (value) => {
        const parsed = parseRequest(authenticationRequests["account.register"].request, value);
        if (!parsed.ok) return parsed;
        const limited = await limits.registrations(addressOf(socket.request, deps.trustedProxies));
        return limited === undefined ? service.register(parsed.request, greeting.nonce) : refusal(limited);
      },
    ],
    [
      "handle.check",
      async (value) => {
        const parsed = parseRequest(authenticationRequests["handle.check"].request, value);
        return parsed.ok ? service.handleCheck(parsed.request) : parsed;
      },
    ],
    [
      "handle.lookup",
      async (value) => {
        if (device === undefined) return refusal({ code: "NOT_LOGGED_IN" });
        const parsed = parseRequest(authenticationRequests["handle.lookup"].request, value);
        return parsed.ok ? service.lookup(parsed.request) : parsed;
      },
    ],
    [
      "attestation.renew",
      async (value) => {
        if (device === undefined) return refusal({ code: "NOT_LOGGED_IN" });
        const parsed = parseRequest(authenticationRequests["attestation.renew"].request, value);
        return parsed.ok ? service.renew(device) : parsed;
      },
    ],
  ]);
  return { handlers, loggedIn: () => device !== undefined };
}
