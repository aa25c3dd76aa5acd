/** Send-to-seen: from Enter in one browser to the text on the other's screen, through the real relay on this machine. */
import { createPerson } from "./stage/person.ts";
import { createRelay } from "./stage/relay-process.ts";

const MESSAGES = 100;

const relay = await createRelay();
await relay.start();
const origin = `http://localhost:${relay.port}`;
const alice = await createPerson("alice", origin);
const bob = await createPerson("bob", origin);
try {
  for (const person of [alice, bob]) {
    await person.open();
    await person.signUp();
  }
  await alice.startConversation(["bob"]);
  await alice.send("hello");
  await bob.openConversation("alice");
  await bob.sees("hello");

  await bob.page().evaluate(() => {
    const seen: Record<string, number> = {};
    new MutationObserver(() => {
      for (const element of document.querySelectorAll("[data-message-text]")) {
        seen[element.textContent ?? ""] ??= performance.timeOrigin + performance.now();
      }
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
    Object.assign(globalThis, { seen });
  });
  await alice.page().evaluate(() => {
    const typed: number[] = [];
    addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Enter") typed.push(performance.timeOrigin + performance.now());
      },
      { capture: true },
    );
    Object.assign(globalThis, { typed });
  });
  for (let index = 0; index < MESSAGES; index++) {
    await alice.send(`message ${index}`);
    await bob.sees(`message ${index}`);
  }
  const typed = await alice.page().evaluate((): number[] => Reflect.get(globalThis, "typed"));
  const seen = await bob.page().evaluate((): Record<string, number> => Reflect.get(globalThis, "seen"));
  const times = typed
    .map((at, index) => (seen[`message ${index}`] ?? Number.NaN) - at)
    .toSorted((a, b) => a - b);
  if (times.length !== MESSAGES || times.some(Number.isNaN)) throw new Error("a message was not measured");
  const at = (share: number) => (times[Math.floor(share * (times.length - 1))] ?? Number.NaN).toFixed(1);
  process.stdout.write(
    `Send-to-seen between two browsers through the relay, ${MESSAGES} messages:\n\n` +
      `| p50 | p90 | max |\n|---|---|---|\n| ${at(0.5)} ms | ${at(0.9)} ms | ${at(1)} ms |\n\n`,
  );
} finally {
  await alice.dispose();
  await bob.dispose();
  await relay.dispose();
}
