import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { privateMessage, seededRandom, type SeededRandom } from "@thicket/delivery-service/testing";
import {
  authenticationRequests,
  deliveryRequests,
  type MlsContentType,
  Login,
  padBlobSize,
  requests,
  WireErrorCode,
} from "@thicket/protocol";
import * as v from "valibot";
import { type Device, signUpDevice, SUITE, wire } from "../clients/device.ts";
import { openRaw, type RawSocket } from "../clients/raw-socket.ts";
import { createOwnGroup, type OwnGroup } from "../clients/scripted-group.ts";
import { createRelayProcess, type RelayProcess } from "../stage/relay-process.ts";
import { goodValue, type Known, type Mutation, mutationsOf, shapeOf } from "./derive-values.ts";
import { type HonestPair, openHonestPair } from "./honest-pair.ts";
import { oddFrame, oddHttp } from "./odd-bytes.ts";

export interface FuzzResult {
  /** What was sent, by kind. */
  sent: Readonly<Record<string, number>>;
  /** What spoiled requests were answered with. */
  codes: ReadonlyMap<string, number>;
  /** Ways to spoil a request that were tried, of all that there are. */
  tried: number;
  ways: number;
  /** MiB that were held after a garbage collection: once warm, and at the end; and what the system counts then. */
  memory: { warm: number; end: number; resident: number };
  /** Empty where everything held. */
  failures: readonly string[];
}

type Target = { namespace: "/ds" | "/as"; name: string; good: () => unknown; ways: Mutation[] };

const ORIGIN = "http://chaos.test";
/** More than this (MiB) above the warm relay is a leak. */
const GROWTH = 64;
/** In one burst. */
const REQUESTS = 250;
const COLLECTOR = join(import.meta.dirname, "collect-on-signal.ts");
const Refusal = v.object({ ok: v.literal(false), error: v.object({ code: WireErrorCode }) });

/** Sends a real relay what it shouldn't get for `ms`, and sees after each burst that two honest people can still talk. */
export async function runFuzz(options: {
  ms: number;
  seed: number;
  print: (line: string) => void;
}): Promise<FuzzResult> {
  const directory = mkdtempSync(join(tmpdir(), "thicket-fuzz-"));
  const random = seededRandom(options.seed);
  const canary = `CANARY${Buffer.from(random.bytes(12)).toString("hex")}`;
  const relay = await createRelayProcess(
    () => ({
      THICKET_DATA: join(directory, "data"),
      THICKET_ORIGIN: ORIGIN,
      THICKET_LOG: "debug",
    }),
    ["--expose-gc", "--import", COLLECTOR],
  );
  try {
    await relay.start();
    const fuzz = await prepare(relay, random, canary);
    await fuzz.run(options.ms, options.print);
    return await fuzz.conclude();
  } finally {
    await relay.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function prepare(relay: RelayProcess, random: SeededRandom, canary: string) {
  const url = `http://127.0.0.1:${relay.port}`;
  const at = { url, origin: ORIGIN };
  const devices: Device[] = [];
  for (const name of ["alice", "bob", "mallory"]) devices.push(await signUpDevice(url, name, random));
  const [alice, bob, mallory] = devices;
  if (alice === undefined || bob === undefined || mallory === undefined) throw new Error("three are needed");
  const pair = await openHonestPair(at, [alice, bob], random);
  const own = await openOwnGroup(at, mallory, random);
  const known = await knownValues(pair, own, { alice, mallory });
  const targets = createTargets(random, known, canary);
  const sockets = new Map<string, RawSocket>();
  const idle = new Set<{ destroy(): void }>();
  const opening = new Map<string, Promise<RawSocket | undefined>>();
  const sent = { requests: 0, frames: 0, http: 0, sockets: 0 };
  const codes = new Map<string, number>();
  const tried = new Set<string>();
  const failures: string[] = [];
  let warm = 0;

  /** One of a few connections that are kept; a new one where the relay has closed it, opened once for all who ask. */
  async function socketTo(namespace: "/ds" | "/as", loggedIn: boolean): Promise<RawSocket | undefined> {
    const key = `${namespace} ${loggedIn}`;
    const open = sockets.get(key);
    if (open?.isOpen() === true) return open;
    const socket = opening.get(key) ?? openTo(namespace, loggedIn).catch(noteUnopened);
    opening.set(key, socket);
    const opened = await socket;
    opening.delete(key);
    if (opened !== undefined) sockets.set(key, opened);
    return opened;
  }

  /** The relay may refuse one, over its rates: how often is printed with the answers, and the next request tries again. */
  function noteUnopened(): undefined {
    count("not connected");
    return undefined;
  }

  async function openTo(namespace: "/ds" | "/as", loggedIn: boolean): Promise<RawSocket> {
    const socket = await openRaw(url, namespace);
    if (loggedIn) {
      const role = namespace === "/ds" ? "ds" : "as";
      const challenge = { role, nonce: socket.hello.nonce, origin: ORIGIN, socketId: socket.id } as const;
      await socket.ask("login", await mallory?.logIn(challenge));
    }
    return socket;
  }

  async function askSpoiled(target: Target, way: Mutation | undefined): Promise<void> {
    const socket = await socketTo(target.namespace, random.below(5) > 0);
    if (socket === undefined) return;
    const value = way === undefined ? target.good() : way.apply(target.good(), random);
    sent.requests += 1;
    if (way !== undefined) tried.add(`${target.name} ${way.name}`);
    const answer = await socket.ask(target.name, value);
    // The relay may have closed it: for being too large, or for a login that it refuses.
    if (answer === undefined) return;
    judge(target.name, answer);
  }

  function judge(name: string, answer: unknown): void {
    if (Reflect.get(Object(answer), "ok") === true) {
      count("OK");
      const schema = Object.entries(requests).find(([other]) => other === name)?.[1].reply;
      if (schema === undefined || !v.safeParse(schema, answer).success) {
        failures.push(`${name}: an answer that isn't of the wire`);
      }
      return;
    }
    const refusal = v.safeParse(Refusal, answer);
    if (!refusal.success) return void failures.push(`${name}: a refusal that isn't of the wire`);
    count(refusal.output.error.code);
    if (refusal.output.error.code === "INTERNAL") failures.push(`${name}: INTERNAL`);
    if (JSON.stringify(answer).includes(canary)) failures.push(`${name}: the refusal repeats the request`);
  }
  const count = (code: string) => codes.set(code, (codes.get(code) ?? 0) + 1);

  async function requestBurst(): Promise<void> {
    await Promise.all(
      Array.from({ length: REQUESTS }, async () => {
        const target = targets[random.below(targets.length)];
        if (target === undefined) return;
        // First what hasn't been tried yet.
        const fresh = target.ways.filter(({ name }) => !tried.has(`${target.name} ${name}`));
        const ways = fresh.length > 0 ? fresh : target.ways;
        await askSpoiled(target, random.below(12) === 0 ? undefined : ways[random.below(ways.length)]);
      }),
    );
    const socket = await socketTo("/ds", true);
    for (const name of [
      "",
      "unknown",
      canary,
      "__proto__",
      7,
      null,
      ["login"],
      "disconnect",
      "connect_error",
    ]) {
      const answer = await socket?.ask(name, {});
      if (answer !== undefined) judge(String(name), answer);
    }
    // The Authentication Service takes few requests of one connection.
    for (const loggedIn of [true, false]) sockets.get(`/as ${loggedIn}`)?.close();
    // Too many values, and none.
    for (const values of [[], [{}, {}], [{}, canary, 3]]) {
      const answer = await socket?.ask("group.read", ...values);
      if (answer !== undefined) judge("group.read", answer);
    }
  }

  async function frameBurst(): Promise<void> {
    for (let n = 0; n < 12; n++) {
      try {
        const socket = await openRaw(url, random.pick(["/ds", "/as"]));
        for (let frame = 0; frame <= random.below(4); frame++) socket.send(oddFrame(random, canary));
        sent.frames += 1;
        setTimeout(() => socket.close(), 200 + random.below(2000)).unref();
      } catch {
        // Refused, like any other.
      }
    }
    for (const auth of [{ wire: 0 }, { wire: canary }, {}, { wire: [[]] }]) {
      await openRaw(url, "/ds", auth).then(
        (socket) => {
          failures.push("another wire version was let in");
          socket.close();
        },
        () => undefined,
      );
    }
  }

  async function httpBurst(): Promise<void> {
    await Promise.all(Array.from({ length: 25 }, () => oneHttp()));
  }

  function oneHttp(): Promise<void> {
    const request = oddHttp(random, canary);
    sent.http += 1;
    return new Promise((resolve) => {
      const socket = connect({ port: relay.port, host: "127.0.0.1" }, () => socket.write(request));
      let answer = "";
      // What isn't answered stays open: half-open sockets harm nobody.
      const timer = setTimeout(() => done(), 400);
      const done = (): void => {
        clearTimeout(timer);
        if (answer.includes(canary)) failures.push("an HTTP answer repeats the request");
        if (answer.includes("root:")) failures.push("an HTTP answer shows a file that isn't served");
        if (answer.includes(" at ") && answer.includes(".ts:")) failures.push("an HTTP answer shows a stack");
        keepIdle(socket);
        resolve();
      };
      socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
      socket.on("error", () => undefined);
      socket.on("close", () => done());
    });
  }

  /** Left open until there are many. */
  function keepIdle(socket: { destroy(): void }): void {
    idle.add(socket);
    if (idle.size <= 300) return;
    const [oldest] = idle;
    if (oldest !== undefined) {
      idle.delete(oldest);
      oldest.destroy();
    }
  }

  async function socketBurst(): Promise<void> {
    sent.sockets += 1;
    // Connects and says nothing; enters and doesn't log in; logs in and never reads.
    for (let n = 0; n < 20; n++) {
      const silent = connect({ port: relay.port, host: "127.0.0.1" });
      silent.on("error", () => undefined);
      keepIdle(silent);
    }
    const strangers = await Promise.allSettled(Array.from({ length: 5 }, () => openRaw(url, "/ds")));
    for (const stranger of strangers) {
      if (stranger.status === "fulfilled") keepIdle({ destroy: () => stranger.value.close() });
    }
    const deaf = await openRaw(url, "/ds").catch(() => undefined);
    if (deaf === undefined) return;
    const challenge = { role: "ds", nonce: deaf.hello.nonce, origin: ORIGIN, socketId: deaf.id } as const;
    await deaf.ask("login", await mallory?.logIn(challenge));
    deaf.stopReading();
    // Asks for far more than the relay may keep for somebody who takes nothing.
    const page = { groupId: own.groupId, seatId: own.seatId, seatToken: own.seatToken, after: 0, limit: 256 };
    for (let n = 0; n < 150; n++) void deaf.ask("group.read", page);
    keepIdle({ destroy: () => deaf.close() });
  }

  async function checkHonest(after: string): Promise<void> {
    try {
      if (!relay.isRunning()) throw new Error("the relay has ended");
      await pair.talk();
    } catch (error) {
      failures.push(`after ${after}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  return {
    async run(ms: number, print: (line: string) => void): Promise<void> {
      const end = performance.now() + ms;
      const bursts = { requestBurst, frameBurst, httpBurst, socketBurst };
      let said = performance.now();
      while (performance.now() < end && failures.length === 0) {
        for (const [name, burst] of Object.entries(bursts)) {
          await burst();
          await checkHonest(name);
        }
        if (warm === 0 && performance.now() > end - ms * 0.7) warm = (await memoryOf(relay)).held;
        if (performance.now() - said > 30_000) {
          said = performance.now();
          const { held, resident } = await memoryOf(relay);
          print(
            `${sent.requests} requests, ${sent.frames} connections of odd frames, ` +
              `${held} MiB held, ${resident} MiB resident`,
          );
        }
      }
    },
    async conclude(): Promise<FuzzResult> {
      for (const socket of [
        ...idle,
        ...[...sockets.values()].map((open) => ({ destroy: () => open.close() })),
      ]) {
        socket.destroy();
      }
      await checkHonest("everything");
      try {
        await pair.readAll();
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
      const { held: end, resident } = await memoryOf(relay);
      if (end > warm + GROWTH) failures.push(`memory grew from ${warm} to ${end} MiB`);
      const output = relay.output();
      for (const text of [canary, hexOf(canary), Buffer.from(canary).toString("base64").slice(0, 20)]) {
        if (output.includes(text)) failures.push("the log holds what was sent");
      }
      if (output.includes('"event":"fault"')) failures.push(`the log has a fault: ${faultIn(output)}`);
      pair.close();
      const ways = targets.reduce((sum, target) => sum + target.ways.length, 0);
      return { sent, codes, tried: tried.size, ways, memory: { warm, end, resident }, failures };
    },
  };
}

/** Every request of both namespaces, derived from the schemas: a new one is here by itself. */
function createTargets(random: SeededRandom, known: Known, canary: string): Target[] {
  const all = (
    namespace: "/ds" | "/as",
    of: Readonly<Record<string, { request: v.GenericSchema }>>,
  ): Target[] =>
    Object.entries(of).map(([name, { request }]) => {
      const shape = shapeOf(request);
      return {
        namespace,
        name,
        good: () => goodValue(shape, random, known),
        ways: mutationsOf(shape, canary),
      };
    });
  return [
    ...all("/ds", { ...deliveryRequests, login: Login }),
    ...all("/as", { ...authenticationRequests, login: Login }),
  ];
}

/** The attacker's own group, with a log that is long to read. */
async function openOwnGroup(
  at: { url: string; origin: string },
  device: Device,
  random: SeededRandom,
): Promise<OwnGroup> {
  const own = createOwnGroup(random);
  const socket = await openRaw(at.url, "/ds");
  const challenge = {
    role: "ds",
    nonce: socket.hello.nonce,
    origin: at.origin,
    socketId: socket.id,
  } as const;
  await socket.ask("login", await device.logIn(challenge));
  await socket.ask("group.create", own.createRequest());
  for (let n = 0; n < 20; n++) {
    await socket.ask("group.append", own.appendRequest(Buffer.alloc(60_000, n)));
  }
  socket.close();
  return own;
}

/** Ids and tokens that mean something to the relay: those of others, and the attacker's own. */
async function knownValues(
  pair: HonestPair,
  own: OwnGroup,
  people: { alice: Device; mallory: Device },
): Promise<Known> {
  const packages = [
    await people.mallory.keyPackage(false),
    await people.mallory.keyPackage(true),
    await people.alice.keyPackage(false),
  ];
  const { userId, deviceId } = people.mallory.identity;
  const mostly = <T>(usual: T, ...others: T[]): readonly T[] => [usual, usual, usual, usual, ...others];
  const message = (kind: MlsContentType) => wire(privateMessage(own.groupId, 0, kind, Buffer.alloc(40, 1)));
  const values: Readonly<Record<string, readonly unknown[]>> = {
    groupId: mostly(own.groupId, pair.groupId),
    seatId: mostly(own.seatId, ...pair.seats.map(({ seatId }) => seatId)),
    seatToken: mostly(own.seatToken, own.epochToken),
    epochToken: mostly(own.epochToken, own.seatToken),
    epoch: mostly(0, 1, 2, 2 ** 40),
    branch: mostly(0, 1, 2, 2 ** 40),
    bytes: [message("application"), message("commit"), message("proposal")],
    seatsRemoved: mostly<string[]>([], [own.seatId]),
    after: [0, 1, 1000],
    seq: [0, 1, 1000],
    cursor: [0, 1, 1000],
    userId: [userId, people.alice.identity.userId],
    deviceId: [deviceId, people.alice.identity.deviceId],
    size: mostly(padBlobSize(5000), 5000, 0),
    linkId: mostly("cd".repeat(32)),
    suite: mostly(SUITE, 2, 3, 0xffff),
    keyPackages: [packages, packages.slice(0, 1), packages.slice(2)],
    lastResort: packages,
  };
  return (field, random) => {
    const list = values[field];
    return list === undefined || random.below(8) === 0 ? undefined : list[random.below(list.length)];
  };
}

/** MiB that the process holds and that the system counts as its, after a garbage collection. */
async function memoryOf(relay: RelayProcess): Promise<{ held: number; resident: number }> {
  const pid = relay.pid();
  const none = { held: 0, resident: 0 };
  if (pid === undefined || !relay.isRunning()) return none;
  const reports = () => [...relay.output().matchAll(/^HOLDS (\d+) OF (\d+)$/gm)];
  const before = reports().length;
  process.kill(pid, "SIGUSR2");
  for (let tried = 0; tried < 100 && reports().length === before; tried++) await sleep(50);
  const last = reports().at(-1);
  return last === undefined ? none : { held: Number(last[1]), resident: Number(last[2]) };
}

function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}

function faultIn(output: string): string {
  return output.split("\n").find((line) => line.includes('"event":"fault"')) ?? "";
}
