import type { DeliveryLinkEvent, LinkEvent } from "@thicket/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commands } from "vitest/browser";
import { browserClock } from "./browser-ports.ts";
import { createSocketLinks, type SocketLinks } from "./socket-link.ts";

declare module "vitest/browser" {
  interface BrowserCommands {
    startRelay: () => Promise<string>;
    killRelay: () => Promise<void>;
  }
}

let links: SocketLinks | undefined;
let network = new EventTarget();
let delays: number[] = [];
let delivery: DeliveryLinkEvent[] = [];
let authentication: LinkEvent[] = [];

beforeEach(() => {
  network = new EventTarget();
  delays = [];
  delivery = [];
  authentication = [];
});

afterEach(async () => {
  links?.close();
  await commands.killRelay();
});

function connect(url: string, wire?: number): SocketLinks {
  links = createSocketLinks({
    url,
    clock: {
      now: () => browserClock.now(),
      after(delay, run) {
        delays.push(delay);
        return browserClock.after(delay, run);
      },
    },
    jitter: () => 0,
    network,
    log: () => undefined,
    ...(wire === undefined ? {} : { wire }),
  });
  links.relay.listen((event) => delivery.push(event));
  links.authentication.listen((event) => authentication.push(event));
  return links;
}

const down = { ok: false, error: { code: "LINK_DOWN" } };
const greeting = () => authentication.findLast((event) => event.type === "greeted");

test("[LINK-1] both services greet over one connection, and answers come back checked and in bytes", async () => {
  const url = await commands.startRelay();
  const { relay, authentication: accounts } = connect(`${url}/c/somewhere`);
  expect(relay.origin).toBe(url);
  expect(await accounts.request("handle.check", { handle: "early" })).toEqual(down);
  await expect.poll(() => [delivery[0]?.type, authentication[0]?.type]).toEqual(["greeted", "greeted"]);
  const hello = greeting()?.hello;
  expect(hello?.nonce).toBeInstanceOf(Uint8Array);
  expect(hello?.asKeys?.[0]?.publicKey).toHaveLength(32);
  expect(greeting()?.socketId).not.toBe("");
  expect(await accounts.request("handle.check", { handle: "alice" })).toEqual({ ok: true });
  expect(await accounts.request("handle.check", { handle: "-" })).toMatchObject({
    ok: false,
    error: { code: "HANDLE_MALFORMED" },
  });
  // Refused for what it holds, not for its shape: the bytes arrived as bytes.
  const bytes = (length: number) => crypto.getRandomValues(new Uint8Array(length + 5)).subarray(5);
  const login = { attestation: bytes(90), deviceCertificate: bytes(90), signature: bytes(64) };
  expect(await accounts.login(login)).toMatchObject({ ok: false, error: { code: "LOGIN_REFUSED" } });
  expect(await relay.request("welcome.list", {})).toMatchObject({
    ok: false,
    error: { code: "NOT_LOGGED_IN" },
  });
});

test("[LINK-2] a relay that dies is told once, asked for nothing meanwhile, and found again when it is back", async () => {
  const url = await commands.startRelay();
  const { authentication: accounts } = connect(url);
  await expect.poll(() => authentication.length).toBe(1);
  const first = greeting();
  await commands.killRelay();
  await expect.poll(() => delays.length, { timeout: 20_000 }).toBeGreaterThan(4); // Tried in vain more than once.
  expect(authentication.map(({ type }) => type)).toEqual(["greeted", "down"]);
  expect(await accounts.request("handle.check", { handle: "alice" })).toEqual(down);
  await commands.startRelay();
  await expect.poll(() => authentication.at(-1)?.type, { timeout: 20_000 }).toBe("greeted");
  expect(greeting()?.hello.nonce).not.toEqual(first?.hello.nonce);
  expect(await accounts.request("handle.check", { handle: "alice" })).toEqual({ ok: true });
});

test("[LINK-3] when the network is back the next try isn't waited for", async () => {
  const url = await commands.startRelay();
  await commands.killRelay();
  connect(url);
  await expect.poll(() => delays.at(-1), { timeout: 20_000 }).toBe(4000); // After half of 0.5, 1, 2 and 4 seconds.
  expect(authentication).toEqual([{ type: "down" }]);
  await commands.startRelay();
  network.dispatchEvent(new Event("online"));
  await expect.poll(() => authentication.at(-1)?.type, { timeout: 2000 }).toBe("greeted");
});

test("[LINK-4] a relay of another wire version refuses for good: nothing more is tried", async () => {
  const url = await commands.startRelay();
  connect(url, 999);
  const refused = { type: "refused", code: "WIRE_VERSION_UNSUPPORTED" };
  await expect.poll(() => [...delivery, ...authentication]).toEqual([refused, refused]);
  network.dispatchEvent(new Event("online"));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect([...delivery, ...authentication]).toEqual([refused, refused]);
  // Whoever listens only now is told as well.
  const late: LinkEvent[] = [];
  links?.authentication.listen((event) => late.push(event));
  await expect.poll(() => late).toEqual([refused]);
});
