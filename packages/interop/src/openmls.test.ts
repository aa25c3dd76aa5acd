/** What README.md says of OpenMLS's bindings: where one of these no longer holds, the schedules can go further. */
import { expect, test } from "vitest";
import { OPENMLS_SUITE, openmlsParticipant } from "./openmls.ts";
import { type Participant, Refusal, type Wanted } from "./participant.ts";
import { damaged } from "./schedule.ts";
import { thicketParticipant } from "./thicket.ts";

const PLAIN = { take: "all", public: false, pathless: false } as const;

/** A group of ours with one client of theirs. */
async function together(): Promise<{ ours: Participant; theirs: Participant }> {
  const ours = await thicketParticipant("ours-1", OPENMLS_SUITE, "quirks");
  const theirs = await openmlsParticipant("theirs-1");
  await ours.found();
  await join(ours, theirs);
  return { ours, theirs };
}

async function join(ours: Participant, theirs: Participant): Promise<void> {
  const add: Wanted = { kind: "add", who: theirs.name, keyPackage: await theirs.keyPackage() };
  const { welcome } = await ours.stage({ ...PLAIN, changes: [add] });
  await ours.merge();
  if (welcome === undefined) throw new Error("no Welcome");
  await theirs.join({ welcome, tree: await ours.tree() });
}

test("A damaged text uses up the key of the true one", async () => {
  const { ours, theirs } = await together();
  const message = await ours.send("hello");
  await expect(theirs.receive(damaged(message, { kind: "flip body", at: 0.9 }))).rejects.toThrow(Refusal);
  await expect(theirs.receive(message)).rejects.toThrow(Refusal);
});

test("Bytes that don't decode are a trap of the WebAssembly", async () => {
  const { ours, theirs } = await together();
  const message = await ours.send("hello");
  await expect(theirs.receive(damaged(message, { kind: "cut", at: 0.5 }))).rejects.toThrow(
    WebAssembly.RuntimeError,
  );
});

test("Of a sender's texts it reads those that are at most 4 behind the newest", async () => {
  const { ours, theirs } = await together();
  const messages: Uint8Array[] = [];
  for (let i = 0; i < 7; i++) messages.push(await ours.send(`text ${i}`));
  const [, fiveBehind, fourBehind, , , , newest] = messages;
  if (!fiveBehind || !fourBehind || !newest) throw new Error("seven were sent");
  await theirs.receive(newest);
  await expect(theirs.receive(fiveBehind)).rejects.toThrow(Refusal);
  expect(await theirs.receive(fourBehind)).toBe("text 2");
});

test("Who was removed can't join the same group again", async () => {
  const { ours, theirs } = await together();
  const { commit } = await ours.stage({ ...PLAIN, changes: [{ kind: "remove", who: theirs.name }] });
  await theirs.receive(commit);
  await ours.merge();
  await expect(join(ours, theirs)).rejects.toThrow(Refusal);
});

test("It takes no PublicMessage", async () => {
  const { ours, theirs } = await together();
  const proposal = await ours.propose({ kind: "update" }, true);
  await expect(theirs.receive(proposal)).rejects.toThrow(Refusal);
});

test("A text that it sends twice in one epoch is refused by us the second time", async () => {
  const { ours, theirs } = await together();
  expect(await ours.receive(await theirs.send("ok"))).toBe("ok");
  await expect(ours.receive(await theirs.send("ok"))).rejects.toThrow(/received before/);
});
