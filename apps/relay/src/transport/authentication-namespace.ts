import type { AuthenticationService, DeviceIdentity } from "@thicket/authentication-service";
import { authenticationRequests } from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { checkOrigins, type Greeting } from "./greet.ts";
import { logInOnce } from "./log-in-once.ts";
import { parseRequest } from "./parse-request.ts";
import { createRateLimit, type Rate } from "./rate-limit.ts";
import { type Handler, refusal, serveRequests } from "./serve-requests.ts";
import type { TransportDeps } from "./sockets.ts";

/** Signing up takes a person's time; a socket that hasn't logged in after this (ms) is cut. */
const LOGIN_WITHIN = 60_000;
const REQUESTS: Rate = { burst: 60, perSecond: 5 };

export interface AuthenticationDeps extends TransportDeps {
  service: AuthenticationService;
}

/** `/as`: signing up and asking for a handle need no login; all else does. */
export function serveAuthentication(
  namespace: Namespace,
  greet: (socket: Socket) => Greeting,
  deps: AuthenticationDeps,
): void {
  const take = createRateLimit(REQUESTS, deps.now);
  namespace.on("connection", (socket) => {
    const session = openSession(socket, greet(socket), deps);
    serveRequests(socket, {
      handlers: session.handlers,
      limit: { take, perSecond: REQUESTS.perSecond },
      log: deps.log,
    });
    const cut = setTimeout(() => {
      if (!session.loggedIn()) socket.disconnect();
    }, LOGIN_WITHIN);
    socket.on("disconnect", () => clearTimeout(cut));
  });
}

function openSession(socket: Socket, greeting: Greeting, { service, origins }: AuthenticationDeps) {
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
        return parsed.ok ? service.register(parsed.request, greeting.nonce) : parsed;
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
