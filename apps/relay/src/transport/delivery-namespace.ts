import type { DeliveryService, DeviceIdentity, LoginCheck } from "@thicket/delivery-service";
import {
  type DeliveryRequest,
  type DeliveryRequests,
  deliveryRequests,
  type WireError,
} from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { watchBacklog } from "./backlog.ts";
import { catchUp, listenAtOnce } from "./catch-up.ts";
import { checkOrigins, type Greeting } from "./greet.ts";
import { logInOnce } from "./log-in-once.ts";
import { parseRequest } from "./parse-request.ts";
import type { AttachedSeat, Attachment, Rooms } from "./rooms.ts";
import { type Answer, type Handler, refusal } from "./serve-requests.ts";
import { type ConnectionDeps, openConnection } from "./open-connection.ts";

/** A socket that hasn't logged in after this time (ms) is cut. */
const LOGIN_WITHIN = 5000;

export interface DeliveryDeps extends ConnectionDeps {
  delivery: Pick<DeliveryService, "operations" | "attach">;
  checkLogin: LoginCheck;
  rooms: Rooms;
}

/** `/ds`: greets, lets devices log in, and serves the Delivery Service's requests to those. */
export function serveDelivery(
  namespace: Namespace,
  greet: (socket: Socket) => Greeting,
  deps: DeliveryDeps,
): void {
  namespace.on("connection", (socket) => {
    const session = openSession(socket, greet(socket), deps);
    openConnection(socket, { namespace: "ds", loginWithin: LOGIN_WITHIN, ...session, deps });
    socket.on("disconnect", () => deps.rooms.leave(socket));
  });
}

type Refuses<K extends keyof DeliveryRequests> = (
  device: DeviceIdentity,
  request: DeliveryRequest<K>,
) => Promise<WireError | undefined>;

function openSession(socket: Socket, greeting: Greeting, deps: DeliveryDeps) {
  const { rooms, limits } = deps;
  const { operations } = deps.delivery;
  const backlog = watchBacklog(socket.conn, () => deps.metrics.backlogCut());
  let device: DeviceIdentity | undefined;

  const logIn = logInOnce(async (login) => {
    const found = await checkOrigins(deps.origins, (origin) =>
      deps.checkLogin(login, { nonce: greeting.nonce, origin, socketId: socket.id }),
    );
    if (found !== undefined && socket.connected) {
      device = found;
      rooms.addDevice(socket, found, (seats) => void attachAgain(found, seats));
    }
    return found !== undefined;
  });

  /** What a request is held to besides the limits of all; most are held to those alone. */
  const refuses: { [K in keyof DeliveryRequests]?: Refuses<K> } = {
    "keyPackages.claim": (from) => limits.claims(nameOf(from)),
    "group.append": (from) => limits.messages(nameOf(from)),
    "group.commit": (_, { groupId, seatId }) => limits.commits(`${groupId}${seatId}`),
    "group.attach": (from, { seats }) => limits.reading(nameOf(from), seats.length),
    "group.read": (from) => limits.reading(nameOf(from)),
    "group.knock": (from) => limits.knocks(nameOf(from)),
    "blob.ticket": (from) => limits.tickets(nameOf(from)),
    "link.open": (from) => limits.reading(nameOf(from)),
  };
  /** A request of a logged-in device, within its limits. */
  const serve =
    <K extends keyof DeliveryRequests>(
      name: K,
      perform: (device: DeviceIdentity, request: DeliveryRequest<K>) => Promise<Answer>,
    ): Handler =>
    async (value) => {
      if (device === undefined) return refusal({ code: "NOT_LOGGED_IN" });
      const parsed = parseRequest(schemaOf(name), value);
      if (!parsed.ok) return parsed;
      const limited = await refuses[name]?.(device, parsed.request);
      return limited === undefined ? perform(device, parsed.request) : refusal(limited);
    };
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- ties the schema to the operation of its name
  const plain = <K extends keyof DeliveryRequests>(name: K): [string, Handler] => [
    name,
    serve(name, (from, request) => operations[name](from, request)),
  ];
  const handlers = new Map<string, Handler>([
    ...namesOf(deliveryRequests).map((name) => plain(name)),
    ["login", logIn],
    ["group.attach", serve("group.attach", attach)],
  ]);

  async function attach(from: DeviceIdentity, request: DeliveryRequest<"group.attach">): Promise<Answer> {
    const { reply, behind } = await attachSeats(request.seats);
    // After the reply has gone out: it says where each seat's log ends.
    setImmediate(() => void orCut(catchUp(rooms, behind, { operations, device: from, backlog })));
    return reply;
  }

  function attachAgain(from: DeviceIdentity, seats: AttachedSeat[]): Promise<void> {
    return orCut(
      attachSeats(seats).then(({ reply, behind }) => {
        if (!reply.ok) socket.conn.close();
        return catchUp(rooms, behind, { operations, device: from, backlog });
      }),
    );
  }

  /** A seat that never listens would be silent for good: who is cut connects anew and attaches. */
  async function orCut(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      deps.log.fault(error);
      socket.conn.close();
    }
  }

  async function attachSeats(seats: DeliveryRequest<"group.attach">["seats"]) {
    let behind: readonly Attachment[] = [];
    const reply = await deps.delivery.attach({ seats }, (committed, standings) => {
      if (socket.connected) behind = listenAtOnce(socket, rooms, seats, committed, standings);
    });
    return { reply, behind };
  }

  return { handlers, loggedIn: () => device !== undefined };
}

const nameOf = ({ userId, deviceId }: DeviceIdentity) => `${userId}${deviceId}`;

function namesOf<T extends object>(of: T): (keyof T & string)[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schemas' own keys
  return Object.keys(of) as (keyof T & string)[];
}

function schemaOf<K extends keyof DeliveryRequests>(name: K): DeliveryRequests[K]["request"] {
  return deliveryRequests[name].request;
}
