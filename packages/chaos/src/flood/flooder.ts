// A process that floods a relay in one way until it is ended; says "ready" once it has begun.
import { seededRandom } from "@thicket/delivery-service/testing";
import { signUpDevice } from "../clients/device.ts";
import { openRaw, type RawSocket } from "../clients/raw-socket.ts";
import { createOwnGroup } from "../clients/scripted-group.ts";
import { type Flood, FLOODS } from "./floods.ts";

const [, , named, url = "", origin = ""] = process.argv;
const flood: Flood = FLOODS.find((each) => each === named) ?? FLOODS[0];
const ADDRESS = "192.0.2.66";
/** Requests that wait for an answer at any time. */
const AT_ONCE = 200;

// Another person for each flood: one seed would sign up the same one again.
const random = seededRandom(99 + FLOODS.indexOf(flood));
const device = await signUpDevice(url, `mallory-${flood}`, random);
const group = createOwnGroup(random);
const socket = await loggedIn();
await socket.ask("group.create", group.createRequest());
process.stdout.write("ready\n");
await Promise.all(Array.from({ length: flood === "connects" ? 20 : AT_ONCE }, lane));

async function loggedIn(): Promise<RawSocket> {
  const opened = await openRaw(url, "/ds", undefined, ADDRESS);
  const challenge = { role: "ds", nonce: opened.hello.nonce, origin, socketId: opened.id } as const;
  await opened.ask("login", await device.logIn(challenge));
  return opened;
}

async function lane(): Promise<never> {
  let through = socket;
  for (;;) {
    if (!through.isOpen()) through = await loggedIn();
    await attack(through);
  }
}

async function attack(through: RawSocket): Promise<unknown> {
  switch (flood) {
    case "appends":
      return through.ask("group.append", group.appendRequest(Buffer.alloc(200, 1)));
    case "invalid":
      return through.ask("group.append", { groupId: "no", bytes: Buffer.alloc(100) });
    case "connects":
      return openRaw(url, "/ds", undefined, ADDRESS).then(
        (opened) => opened.close(),
        () => undefined,
      );
    case "large":
      return through.ask("group.append", group.appendRequest(Buffer.alloc(60_000, 1)));
  }
}
