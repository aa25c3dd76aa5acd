import { firefox, type Page } from "@playwright/test";
import { once } from "node:events";
import { existsSync, mkdtempSync, statfsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type FrameAnswer,
  type FrameCall,
  installFrame,
  installPage,
  type MlsCall,
  type PageValue,
} from "./firefox-page.ts";
import { Refusal } from "./participant.ts";

/** Calls take milliseconds: those that take this long (ms) hang. */
const TIME_LIMIT = 120_000;

/** A document whose origin no other has, and so its own MLS state. */
export interface MlsFrame {
  /** Throws Refusal where the engine says No. */
  call(call: MlsCall): Promise<PageValue>;
  /** Loads the document anew: what its engine holds from now on comes from Firefox's storage. */
  reload(): Promise<void>;
  /** Deletes the state and lets somebody else have the frame. */
  leave(): Promise<void>;
}

export interface MlsBrowser {
  frame(): Promise<MlsFrame>;
  close(): Promise<void>;
}

/** Starts Firefox with its MLS engine switched on. FIREFOX_PATH names another than Debian's. */
export async function startFirefox(): Promise<MlsBrowser> {
  const profile = mkdtempSync(join(roomInMemory() ? MEMORY : tmpdir(), "thicket-firefox-"));
  const browser = await firefox.launchPersistentContext(profile, {
    channel: "moz-firefox",
    executablePath: process.env["FIREFOX_PATH"] ?? "/usr/bin/firefox-esr",
    firefoxUserPrefs: { "dom.origin-trials.mls.state": 1 },
  });
  const top = await serve(installPage);
  const closing = [() => browser.close(), top.close, () => rm(profile, { recursive: true, force: true })];
  const page = await browser.newPage();
  await page.goto(top.address);
  const ask = batched((calls) => inTime(page, calls));
  const idle: MlsFrame[] = [];
  return {
    async frame() {
      const known = idle.pop();
      if (known !== undefined) return known;
      const { address, close } = await serve(installFrame);
      closing.push(close);
      const frame = mlsFrame(address, ask, () => idle.push(frame));
      return frame;
    },
    async close() {
      for (const close of closing) await close();
    },
  };
}

const MEMORY = "/dev/shm";

/** Firefox syncs each change to the disk, which a test needn't wait for. */
function roomInMemory(): boolean {
  if (!existsSync(MEMORY)) return false;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize > 2 ** 30;
}

type Ask = (call: FrameCall) => Promise<FrameAnswer>;

function mlsFrame(frame: string, ask: Ask, release: () => void): MlsFrame {
  const call = async (wanted: MlsCall | "reload"): Promise<PageValue> => {
    const answer = await ask({ frame, call: wanted });
    if ("crashed" in answer) throw new Error(answer.crashed);
    if ("refused" in answer) throw new Refusal(answer.refused);
    return answer.result;
  };
  return {
    call,
    reload: async () => void (await call("reload")),
    async leave() {
      await call({ method: "deleteState", args: [] });
      release();
    },
  };
}

/** While one batch is under way the next one gathers. */
function batched(send: (calls: readonly FrameCall[]) => Promise<FrameAnswer[]>): Ask {
  let gathered: { call: FrameCall; answer: PromiseWithResolvers<FrameAnswer> }[] = [];
  let sending = false;
  const flush = async () => {
    sending = true;
    while (gathered.length > 0) {
      const batch = gathered;
      gathered = [];
      try {
        const answers = await send(batch.map(({ call }) => call));
        batch.forEach(({ answer }, i) => answer.resolve(answers[i] ?? { crashed: "no answer" }));
      } catch (error) {
        for (const { answer } of batch) answer.reject(error);
      }
    }
    sending = false;
  };
  return (call) => {
    const answer = Promise.withResolvers<FrameAnswer>();
    gathered.push({ call, answer });
    if (!sending) {
      sending = true;
      setImmediate(() => void flush());
    }
    return answer.promise;
  };
}

async function inTime(page: Page, calls: readonly FrameCall[]): Promise<FrameAnswer[]> {
  const ended = new AbortController();
  try {
    const answers = await Promise.race([
      page.evaluate((all) => globalThis.callFrames(all), calls),
      sleep(TIME_LIMIT, undefined, { signal: ended.signal }),
    ]);
    if (answers === undefined) throw new Error(`Firefox gave no answer to ${JSON.stringify(calls)}`);
    return answers;
  } finally {
    ended.abort();
  }
}

/** Serves a document with this script under an origin of its own. localhost is a secure context, which the engine demands. */
async function serve(script: () => void): Promise<{ address: string; close: () => Promise<void> }> {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><title>interop</title><body><script>(${script.toString()})()</script>`);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    address: `http://localhost:${address.port}/`,
    async close() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}
