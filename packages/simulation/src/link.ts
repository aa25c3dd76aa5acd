import type { AuthenticationLink, DeliveryLinkEvent, LinkDown, LinkEvent, RelayLink } from "@thicket/client";
import type {
  AuthenticationReply,
  AuthenticationRequest,
  AuthenticationRequests,
  DeliveryReply,
  DeliveryRequest,
  DeliveryRequests,
  Hello,
  Login,
  Reply,
} from "@thicket/protocol";
import type { FaultyNetwork } from "./faulty-network.ts";
import { type Life, never } from "./life.ts";
import { hold } from "./settle.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export const ORIGIN = "https://relay.simulation.example";

/** A connection as the relay holds it. */
export interface Session<Requests> {
  hello: Hello;
  socketId: string;
  login(login: Login): Promise<Reply<object>>;
  request: Requests;
  /** The relay notices that the other side is gone. */
  end(): void;
}

export type DeliveryRequestFunction = <K extends keyof DeliveryRequests>(
  name: K,
  request: DeliveryRequest<K>,
) => Promise<DeliveryReply<K>>;
export type AuthenticationRequestFunction = <K extends keyof AuthenticationRequests>(
  name: K,
  request: AuthenticationRequest<K>,
) => Promise<AuthenticationReply<K>>;

/** What a relay tells a connection unasked. */
export type Told<Event> = { type: "event"; event: Event } | { type: "down" };

interface WireDeps<Requests, Event> {
  who: string;
  life: Life;
  clock: VirtualClock;
  network: FaultyNetwork;
  /** Undefined while the relay is down. */
  connect(tell: (told: Told<Event>) => void): Session<Requests> | undefined;
  /** Every request that leaves, for whoever watches. */
  sent(name: string, request: object): void;
}

/** One client's connection to one service: it goes down and comes back, and loses what was under way. */
interface Wire<Requests, Event> {
  setOnline(online: boolean): void;
  listen(listener: (event: Event | LinkEvent) => void): () => void;
  /** Sends one request over the network as it is now; what comes back first counts. */
  ask<T>(
    name: string,
    request: object,
    act: (session: Session<Requests>) => Promise<T>,
  ): Promise<T | LinkDown>;
}

const LINK_DOWN: LinkDown = { ok: false, error: { code: "LINK_DOWN" } };
/** A reply that hasn't come by then counts as lost (ms), as in the browser's link. */
const REPLY_TIMEOUT = 10_000;
const RECONNECT_DELAY = 1_000;

function createWire<Requests, Event>(deps: WireDeps<Requests, Event>): Wire<Requests, Event> {
  const { life, clock, network } = deps;
  const listeners = new Set<(event: Event | LinkEvent) => void>();
  const waiting = new Set<() => void>();
  let session: Session<Requests> | undefined;
  let online = false;
  let attempt = 0;

  const tell = (event: Event | LinkEvent) => {
    if (!life.over()) for (const listener of listeners) listener(event);
  };
  const open = () => {
    const mine = ++attempt;
    clock.after(network.latency(), () => {
      if (mine !== attempt || !online || life.over()) return;
      const opened = deps.connect((told) => {
        if (told.type === "down") clock.after(network.latency(), () => session === opened && drop());
        else network.carry(`${deps.who} <- hint`, () => session === opened && tell(told.event));
      });
      if (opened === undefined) {
        clock.after(RECONNECT_DELAY, () => mine === attempt && online && open());
        return;
      }
      session = opened;
      tell({ type: "greeted", hello: opened.hello, socketId: opened.socketId });
    });
  };
  const drop = () => {
    attempt++;
    const ended = session;
    session = undefined;
    // What is already on its way may still arrive before the relay notices.
    if (ended) clock.after(network.latency(), () => ended.end());
    for (const give of waiting) give();
    if (ended) tell({ type: "down" });
    if (online && !life.over()) open();
  };

  return {
    setOnline(next) {
      if (next === online) return;
      online = next;
      if (online) open();
      else drop();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ask<T>(name: string, request: object, act: (session: Session<Requests>) => Promise<T>) {
      const through = session;
      if (!life.pass(`before ${name}`)) return never<T | LinkDown>();
      if (through === undefined) return Promise.resolve<T | LinkDown>(LINK_DOWN);
      deps.sent(name, request);
      return new Promise<T | LinkDown>((resolve) => {
        const answer = (reply: T | LinkDown) => {
          cancel();
          waiting.delete(giveUp);
          if (!life.over()) resolve(reply);
        };
        const giveUp = () => answer(LINK_DOWN);
        const cancel = clock.after(REPLY_TIMEOUT, giveUp);
        waiting.add(giveUp);
        // A nonce serves one login: a connection that loses it is a connection that broke, which comes on its own.
        const carry = name.endsWith("login") ? network.carryWhole : network.carry;
        carry(`${deps.who} -> ${name}`, () => {
          void hold(act(through)).then((reply) =>
            carry(`${deps.who} <- ${name}`, () => session === through && answer(reply)),
          );
        });
        life.pass(`after ${name}`);
      });
    },
  };
}

/** Both connections of one run of a client's program. */
export interface Links {
  relay: RelayLink;
  authentication: AuthenticationLink;
  setOnline(online: boolean): void;
}

export interface LinksDeps {
  who: string;
  life: Life;
  clock: VirtualClock;
  network: FaultyNetwork;
  relay: {
    connectDelivery(
      tell: (told: Told<DeliveryLinkEvent>) => void,
    ): Session<DeliveryRequestFunction> | undefined;
    connectAuthentication(
      tell: (told: Told<LinkEvent>) => void,
    ): Session<AuthenticationRequestFunction> | undefined;
  };
  /** Every request that leaves, for whoever watches. */
  sent(name: string, request: object): void;
}

export function createLinks(deps: LinksDeps): Links {
  const ds = createWire<DeliveryRequestFunction, DeliveryLinkEvent>({
    ...deps,
    who: `${deps.who} ds`,
    connect: (tell) => deps.relay.connectDelivery(tell),
  });
  const as = createWire<AuthenticationRequestFunction, LinkEvent>({
    ...deps,
    who: `${deps.who} as`,
    connect: (tell) => deps.relay.connectAuthentication(tell),
  });
  return {
    relay: {
      origin: ORIGIN,
      request: (name, request) => ds.ask(name, request, (session) => session.request(name, request)),
      login: (login) => ds.ask("ds login", login, (session) => session.login(login)),
      listen: (listener) => ds.listen(listener),
    },
    authentication: {
      origin: ORIGIN,
      request: (name, request) => as.ask(name, request, (session) => session.request(name, request)),
      login: (login) => as.ask("as login", login, (session) => session.login(login)),
      listen: (listener) => as.listen(listener),
    },
    setOnline(online) {
      as.setOnline(online);
      ds.setOnline(online);
    },
  };
}
