import type { AuthenticationLink, Clock, DeliveryLinkEvent, LinkDown, Log, RelayLink } from "@thicket/client";
import {
  authenticationRequests,
  deliveryEvents,
  deliveryRequests,
  NAMESPACES,
  WIRE_VERSION,
} from "@thicket/protocol";
import type { AuthenticationReply, DeliveryReply } from "@thicket/protocol";
import { Manager } from "socket.io-client";
import parser from "socket.io-msgpack-parser";
import { createBackoff } from "./backoff.ts";
import { parseWith } from "./parse-with.ts";
import { createServiceLink } from "./service-link.ts";

export interface SocketLinks {
  relay: RelayLink;
  authentication: AuthenticationLink;
  /** Ends the connection for good. */
  close: () => void;
}

/**
 * Both services over one WebSocket. It connects when the first listener comes, and again with backoff after every
 * loss - at once when the browser says that it is online. A refused wire version ends it.
 */
export function createSocketLinks(options: {
  /** Where the relay is: an http(s) address; its origin is what a login signs. */
  url: string;
  clock: Clock;
  /** Uniform in [0, 1): keeps many clients from coming back at the same moment. */
  jitter: () => number;
  /** Fires `online` when there is a network again. */
  network: EventTarget;
  log: Log;
  /** Default: the version of this build. */
  wire?: number;
}): SocketLinks {
  const { clock, log, network } = options;
  const origin = new URL(options.url).origin;
  // Socket.IO's own reconnecting can't be hurried when the network is back, nor does it follow a server's disconnect.
  const manager = new Manager(origin, {
    transports: ["websocket"],
    parser,
    autoConnect: false,
    reconnection: false,
    timeout: 10_000,
  });

  let wanted = false;
  const connect = () => {
    for (const { backoff, link } of [delivery, authentication]) {
      backoff.cancel();
      if (wanted) link.connect();
    }
  };
  const open = (namespace: string) => {
    const backoff = createBackoff(options, () => wanted && link.connect());
    const link = createServiceLink({
      manager,
      namespace,
      clock,
      log,
      wire: options.wire ?? WIRE_VERSION,
      retry: (upFor) => wanted && backoff.retry(upFor),
      // A service that has let us in is a sign that the other one will.
      settled: connect,
    });
    return { backoff, link };
  };
  const delivery = open(NAMESPACES.delivery);
  const authentication = open(NAMESPACES.authentication);
  const begin = () => {
    if (wanted) return;
    wanted = true;
    network.addEventListener("online", connect);
    connect();
  };

  const hints = new Set<(event: DeliveryLinkEvent) => void>();
  for (const type of keysOf(deliveryEvents)) {
    delivery.link.receive(type, (payload) => {
      const parsed = parseWith<unknown>(deliveryEvents[type], payload);
      if (!parsed.ok) return log("warn", "relay event malformed", { type });
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema is the one of this type
      const event = { type, event: parsed.value } as DeliveryLinkEvent;
      for (const listener of hints) listener(event);
    });
  }

  return {
    relay: {
      origin,
      request: (name, request) =>
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema is the one of this name
        delivery.link.request(name, request, deliveryRequests[name].reply) as Promise<
          DeliveryReply<typeof name> | LinkDown
        >,
      login: delivery.link.login,
      listen(listener) {
        hints.add(listener);
        const stop = delivery.link.listen(listener);
        begin();
        return () => {
          hints.delete(listener);
          stop();
        };
      },
    },
    authentication: {
      origin,
      request: (name, request) =>
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema is the one of this name
        authentication.link.request(name, request, authenticationRequests[name].reply) as Promise<
          AuthenticationReply<typeof name> | LinkDown
        >,
      login: authentication.link.login,
      listen(listener) {
        const stop = authentication.link.listen(listener);
        begin();
        return stop;
      },
    },
    close() {
      wanted = false;
      network.removeEventListener("online", connect);
      for (const { backoff, link } of [delivery, authentication]) {
        backoff.cancel();
        link.close();
      }
    },
  };
}

function keysOf<T extends object>(record: T): (keyof T & string)[] {
  return Object.keys(record).filter((key): key is keyof T & string => key in record);
}
