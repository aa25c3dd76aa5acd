/** `pnpm --filter chaos flood`: how long others wait for their acknowledgements while one client floods the relay. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { seededRandom } from "@thicket/delivery-service/testing";
import { signUpDevice } from "../clients/device.ts";
import { openRaw } from "../clients/raw-socket.ts";
import { createOwnGroup } from "../clients/scripted-group.ts";
import { createRelayProcess } from "../stage/relay-process.ts";
import { type Flood, FLOODS } from "./floods.ts";

const ORIGIN = "http://chaos.test";
/** Honest devices, each of which sends well below its own limit. */
const SPEAKERS = 6;
const EACH_PER_SECOND = 15;
const WARM_UP = 1500;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== "--"),
  options: { seconds: { type: "string", default: "10" } },
});
const seconds = Number(values.seconds);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const directory = mkdtempSync(join(tmpdir(), "thicket-flood-"));
const relay = await createRelayProcess(() => ({
  THICKET_DATA: join(directory, "data"),
  THICKET_ORIGIN: ORIGIN,
  THICKET_LOG: "warn",
  // As behind a proxy, which names who connects: what is held to its address is part of what keeps a flood off others.
  THICKET_TRUST_PROXY: "1",
}));
try {
  await relay.start();
  const url = `http://127.0.0.1:${relay.port}`;
  const speakers = await Promise.all(Array.from({ length: SPEAKERS }, (_, index) => openSpeaker(url, index)));
  await measure(speakers, WARM_UP);
  print("flood      p50 ms  p99 ms  p99 to quiet");
  const quiet = await measure(speakers, seconds * 1000);
  show("none", quiet, quiet);
  for (const flood of FLOODS) {
    const stop = await startFlood(url, flood);
    await measure(speakers, WARM_UP);
    show(flood, await measure(speakers, seconds * 1000), quiet);
    await stop();
    await sleep(WARM_UP);
  }
  // Quiet again: what the machine itself did meanwhile.
  show("none again", await measure(speakers, seconds * 1000), quiet);
} finally {
  await relay.kill();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);

type Speaker = Awaited<ReturnType<typeof openSpeaker>>;
interface Times {
  p50: number;
  p99: number;
}

async function openSpeaker(url: string, index: number) {
  const random = seededRandom(1000 + index);
  const device = await signUpDevice(url, `speaker${index}`, random);
  const group = createOwnGroup(random);
  const socket = await openRaw(url, "/ds", undefined, `192.0.2.${index + 1}`);
  const challenge = { role: "ds", nonce: socket.hello.nonce, origin: ORIGIN, socketId: socket.id } as const;
  await socket.ask("login", await device.logIn(challenge));
  await socket.ask("group.create", group.createRequest());
  return {
    /** -> ms until the acknowledgement. */
    async speak(): Promise<number> {
      const started = performance.now();
      const answer = await socket.ask("group.append", group.appendRequest(Buffer.alloc(1024, 1)));
      if (Reflect.get(Object(answer), "ok") !== true) throw new Error("an honest append wasn't acknowledged");
      return performance.now() - started;
    },
  };
}

/** Sends at a steady pace, whatever the answers take. */
async function measure(speakers: readonly Speaker[], ms: number): Promise<Times> {
  const end = performance.now() + ms;
  const pending: Promise<number>[] = [];
  await Promise.all(
    speakers.map(async (speaker, index) => {
      await sleep((1000 / EACH_PER_SECOND / speakers.length) * index);
      while (performance.now() < end) {
        pending.push(speaker.speak());
        await sleep(1000 / EACH_PER_SECOND);
      }
    }),
  );
  const times = (await Promise.all(pending)).toSorted((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Whoever floods has a machine of its own: here it takes what processor time the relay and its speakers leave. */
async function startFlood(url: string, flood: Flood): Promise<() => Promise<void>> {
  const program = [process.execPath, join(import.meta.dirname, "flooder.ts"), flood, url, ORIGIN];
  const flooder = spawn("nice", ["-n", "19", ...program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(flooder.stdout, "data");
  return async () => {
    const ended = once(flooder, "exit");
    flooder.kill("SIGKILL");
    await ended;
  };
}

function show(name: string, times: Times, quiet: Times): void {
  const cells = [times.p50.toFixed(1), times.p99.toFixed(1), `${(times.p99 / quiet.p99).toFixed(2)}x`];
  print([name.padEnd(10), ...cells.map((cell) => cell.padStart(7))].join(" "));
}
