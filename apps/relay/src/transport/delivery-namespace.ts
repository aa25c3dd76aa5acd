import type {
  DeliveryOperations,
  DeliveryService,
  DeviceIdentity,
  LoginCheck,
} from "@thicket/delivery-service";
import {
  type DeliveryRequest,
  type DeliveryRequests,
  deliveryRequests,
  type GroupId,
  type WireError,
} from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { watchBacklog } from "./backlog.ts";
import { catchUp, listenAtOnce } from "./catch-up.ts";
import { checkOrigins, type Greeting } from "./greet.ts";
import { logInOnce } from "./log-in-once.ts";
import { parseRequest } from "./parse-request.ts";
import type { AttachedSeat, Rooms } from "./rooms.ts";
import { type Answer, type Handler, refusal } from "./serve-requests.ts";
import type { ConnectionDeps } from "./sockets.ts";
import { openConnection } from "./open-connection.ts";

/** A socket that hasn't logged in after this time (ms) is cut. */
const LOGIN_WITHIN = 5000;
/** So often a seat whose log moved while it attached is attached again at once; then it is left to the next look. */
const AGAIN_AT_ONCE = 3;

export interface DeliveryDeps extends ConnectionDeps {
  operations: DeliveryOperations;
  /** Where several nodes write: what moved while a seat attached here is found by asking twice. */
  readHeads: DeliveryService["readHeads"] | undefined;
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
  const { operations, rooms, limits } = deps;
  const backlog = watchBacklog(socket.conn, () => deps.metrics.backlogCut());
  let device: DeviceIdentity | undefined;

  const logIn = logInOnce(async (login) => {
    const found = await checkOrigins(deps.origins, (origin) =>
      deps.checkLogin(login, { nonce: greeting.nonce, origin, socketId: socket.id }),
    );
    if (found !== undefined && socket.connected) {
      device = found;
      rooms.addDevice(socket, found, (seats) => void attachAgain(found, seats, AGAIN_AT_ONCE));
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
    const { reply, afterwards } = await attachSeats(from, request.seats, AGAIN_AT_ONCE);
    // After the reply has gone out: it says where each seat's log ends.
    setImmediate(() => void orCut(afterwards()));
    return reply;
  }

  function attachAgain(from: DeviceIdentity, seats: AttachedSeat[], times: number): Promise<void> {
    return orCut(
      attachSeats(from, seats, times).then(({ reply, afterwards }) => {
        if (!reply.ok) socket.conn.close();
        return afterwards();
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

  async function attachSeats(
    from: DeviceIdentity,
    seats: DeliveryRequest<"group.attach">["seats"],
    times: number,
  ) {
    const groupIds = [...new Set(seats.map(({ groupId }) => groupId))];
    const before = await deps.readHeads?.(groupIds);
    let behind: readonly AttachedSeat[] = [];
    const reply = await operations["group.attach"](from, { seats }, (committed) => {
      if (socket.connected) behind = listenAtOnce(socket, rooms, seats, committed);
    });
    const afterwards = async () => {
      await catchUp(socket, rooms, behind, { operations, device: from, backlog });
      if (before?.ok !== true || !reply.ok) return;
      const after = await deps.readHeads?.(groupIds);
      if (after?.ok !== true) return;
      const moved = new Set<GroupId>();
      for (const [groupId, { headSeq }] of after.heads) {
        if (headSeq !== before.heads.get(groupId)?.headSeq) moved.add(groupId);
      }
      const again = rooms.seatsOf(socket, moved);
      if (again.length > 0 && times > 0) await attachAgain(from, again, times - 1);
    };
    return { reply, afterwards };
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
