import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  encodeDeviceCertificate,
  type LoginChallenge,
  signDeviceCertificate,
  signLogin,
  signRegistration,
} from "@thicket/credential";
import type { DeliveryOperations, DeviceIdentity } from "@thicket/delivery-service";
import { parse } from "@thicket/delivery-service/testing";
import {
  AccountId,
  authenticationRequests,
  type DeliveryEvents,
  deliveryEvents,
  type DeliveryReply,
  type DeliveryRequest,
  type DeliveryRequests,
  deliveryRequests,
  DeviceId,
  Hello,
  Login,
  WIRE_VERSION,
} from "@thicket/protocol";
import { Manager, type Socket } from "socket.io-client";
import parser from "socket.io-msgpack-parser";
import { toWire } from "./to-wire.ts";

export interface Connected {
  socket: Socket;
  hello: Hello;
  /** What came unasked. */
  events: { [K in keyof DeliveryEvents]: DeliveryEvents[K][] };
  readonly ask: (name: string, request: unknown) => Promise<unknown>;
  close(): void;
}

/** A connection to a namespace, greeted. */
export async function connect(
  url: string,
  namespace: "/ds" | "/as",
  auth: object = { wire: WIRE_VERSION },
  /** Of the HTTP request that opens the connection, as a proxy or a browser would set them. */
  extraHeaders: Record<string, string> = {},
): Promise<Connected> {
  const manager = new Manager(url, {
    transports: ["websocket"],
    parser,
    reconnection: false,
    timeout: 10_000,
    extraHeaders,
  });
  const socket = manager.socket(namespace, { auth });
  const events: Connected["events"] = {
    entries: [],
    acked: [],
    welcome: [],
    keyPackagesLow: [],
  };
  socket.on("entries", (event) => events.entries.push(parse(deliveryEvents.entries, event)));
  socket.on("acked", (event) => events.acked.push(parse(deliveryEvents.acked, event)));
  socket.on("welcome", (event) => events.welcome.push(parse(deliveryEvents.welcome, event)));
  socket.on("keyPackagesLow", (event) =>
    events.keyPackagesLow.push(parse(deliveryEvents.keyPackagesLow, event)),
  );
  const hello = await new Promise<Hello>((resolve, reject) => {
    socket.once("hello", (greeting) => resolve(parse(Hello, greeting)));
    socket.once("connect_error", reject);
  });
  return {
    socket,
    hello,
    events,
    ask: (name: string, request: unknown): Promise<unknown> =>
      socket.timeout(20_000).emitWithAck(name, toWire(request)),
    close: () => void socket.disconnect(),
  };
}

/** The socket under Socket.IO, to send what Socket.IO wouldn't. */
export function rawSocket(socket: Socket): { send(data: Uint8Array | string): void } {
  const { transport } = socket.io.engine;
  if (!("ws" in transport)) throw new Error("not on a WebSocket");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Engine.IO's own field, which it doesn't declare
  return transport.ws as { send(data: Uint8Array | string): void };
}

function createKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const signer = async (message: Uint8Array) => new Uint8Array(sign(null, message, privateKey));
  return { publicKey: rawPublicKey(publicKey), signer };
}

function rawPublicKey(key: KeyObject): Uint8Array {
  // The last 32 bytes of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4) are the key.
  return new Uint8Array(key.export({ format: "der", type: "spki" }).subarray(-32));
}

/** Signs up a person with one device at the relay's Authentication Service. */
export async function signUp(
  url: string,
  handle: string,
  headers: Record<string, string> = {},
  registering: { invite?: string } = {},
) {
  const [root, deviceKey] = [createKey(), createKey()];
  const [userId, deviceId] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(16))];
  const notBefore = BigInt(Math.floor(Date.now() / 1000));
  const certificate = await signDeviceCertificate(root.signer, {
    userId,
    deviceId,
    deviceKey: deviceKey.publicKey,
    deviceSeq: 0,
    notBefore,
    notAfter: notBefore + 300n * 86_400n,
  });
  const deviceCertificate = encodeDeviceCertificate(certificate);
  const identity: DeviceIdentity = {
    userId: parse(AccountId, Buffer.from(userId).toString("hex")),
    deviceId: parse(DeviceId, Buffer.from(deviceId).toString("hex")),
  };
  const as = await connect(url, "/as", undefined, headers);
  const registration = { handle, userId, rootKey: root.publicKey, deviceCertificate, nonce: as.hello.nonce };
  const registered = parse(
    authenticationRequests["account.register"].reply,
    await as.ask("account.register", {
      handle,
      userId: identity.userId,
      rootKey: root.publicKey,
      deviceCertificate,
      proof: await signRegistration(root.signer, registration),
      ...registering,
    }),
  );
  as.close();
  if (!registered.ok) throw new Error(registered.error.code);
  const { attestation } = registered;

  async function signedLogin(at: Connected, change: Partial<LoginChallenge> & { role: "ds" | "as" }) {
    const challenge = { nonce: at.hello.nonce, origin: url, socketId: at.socket.id ?? "", ...change };
    const signature = await signLogin(deviceKey.signer, challenge);
    return { attestation, deviceCertificate, signature };
  }
  async function login(...args: Parameters<typeof signedLogin>) {
    return parse(Login.reply, await args[0].ask("login", await signedLogin(...args)));
  }
  return {
    identity,
    login,
    /** A login as it would be sent, for one that is sent elsewhere. */
    signedLogin,
    /** A logged-in connection to the Delivery Service, with its requests as operations. */
    async openDelivery(at = url, extraHeaders: Record<string, string> = {}) {
      const connection = await connect(at, "/ds", undefined, extraHeaders);
      const reply = await login(connection, { role: "ds" });
      if (!reply.ok) throw new Error(reply.error.code);
      return { ...connection, operations: operationsOver(connection) };
    },
  };
}

export type Person = Awaited<ReturnType<typeof signUp>>;

/** The wire's requests with the shape of the Delivery Service's own operations; who asks is who is logged in. */
function operationsOver({ ask }: Connected): DeliveryOperations {
  const over =
    <K extends keyof DeliveryRequests>(name: K, schema: DeliveryRequests[K]["reply"]) =>
    async (_: DeviceIdentity, request: DeliveryRequest<K>): Promise<DeliveryReply<K>> =>
      parse<DeliveryReply<K>>(schema, await ask(name, request));
  const schemas = deliveryRequests;
  return {
    "keyPackages.publish": over("keyPackages.publish", schemas["keyPackages.publish"].reply),
    "keyPackages.count": over("keyPackages.count", schemas["keyPackages.count"].reply),
    "keyPackages.claim": over("keyPackages.claim", schemas["keyPackages.claim"].reply),
    "group.create": over("group.create", schemas["group.create"].reply),
    "group.attach": over("group.attach", schemas["group.attach"].reply),
    "group.append": over("group.append", schemas["group.append"].reply),
    "group.commit": over("group.commit", schemas["group.commit"].reply),
    "group.confirm": over("group.confirm", schemas["group.confirm"].reply),
    "group.knock": over("group.knock", schemas["group.knock"].reply),
    "link.publish": over("link.publish", schemas["link.publish"].reply),
    "link.withdraw": over("link.withdraw", schemas["link.withdraw"].reply),
    "link.open": over("link.open", schemas["link.open"].reply),
    "group.read": over("group.read", schemas["group.read"].reply),
    "cursor.ack": over("cursor.ack", schemas["cursor.ack"].reply),
    "welcome.list": over("welcome.list", schemas["welcome.list"].reply),
    "welcome.ack": over("welcome.ack", schemas["welcome.ack"].reply),
    "blob.ticket": over("blob.ticket", schemas["blob.ticket"].reply),
  };
}

/** Waits until `found` gives something; for what comes unasked. */
export async function until<T>(
  found: () => T | undefined | false | Promise<T | undefined | false>,
  within = 20_000,
): Promise<T> {
  const end = Date.now() + within;
  for (;;) {
    const value = await found();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error("it didn't come");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
