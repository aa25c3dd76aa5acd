/** The pictures of the main journey, at phone and desktop size, light and dark: written to docs/screenshots. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "@playwright/test";
import { createPerson, type Person } from "./stage/person.ts";
import { createRelay } from "./stage/relay-process.ts";

const OUT = join(import.meta.dirname, "../../docs/screenshots");
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

const relay = await createRelay();
await relay.start();
const origin = `http://localhost:${relay.port}`;
await mkdir(OUT, { recursive: true });
const everybody: Person[] = [];

async function arrive(name: string): Promise<Person> {
  const person = await createPerson(name, origin);
  everybody.push(person);
  await person.open();
  return person;
}

/** One scene, known by what it shows, at both sizes and in both schemes. */
async function shoot(person: Person, scene: string, shown: (page: Page) => Locator): Promise<void> {
  const page = person.page();
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // A virtualised list draws anew after a resize: the picture waits for what it is about.
      await shown(page).last().waitFor();
      await page.evaluate(async () => {
        await document.fonts.ready;
        await Promise.all(
          document.getAnimations().map((animation) => animation.finished.catch(() => animation)),
        );
      });
      await page.screenshot({ path: join(OUT, `${scene}-${size}-${colorScheme}.png`) });
    }
  }
  await page.setViewportSize(SIZES.desktop);
}

try {
  const alice = await arrive("alice");
  await shoot(alice, "1-sign-up", (page) => page.getByRole("textbox", { name: "Handle" }));
  await alice.signUp();
  await shoot(alice, "2-empty", (page) => page.getByRole("button", { name: "Start a conversation" }));
  const bob = await arrive("bob");
  await bob.signUp();
  const carol = await arrive("carol");
  await carol.signUp();

  await bob.startConversation(["alice"]);
  await bob.send("Did you hear the blackcap this morning?");
  await alice.startConversation(["bob", "carol"], "Sunday walk");
  for (const person of [bob, carol]) await person.openConversation("Sunday walk");
  const talk: [Person, string][] = [
    [alice, "Shall we meet at the old gate on Sunday?"],
    [alice, "Half past nine, if the weather holds."],
    [bob, "I'm in! I'll bring the flask."],
    [carol, "Same. There's a heron by the pond since Thursday 🪶"],
    [bob, "Then I'll bring the field glasses too."],
    [alice, "Perfect. Last one there carries the flask home."],
  ];
  for (const [person, text] of talk) {
    await person.send(text);
    await alice.sees(text);
  }
  await carol.sees("Perfect. Last one there carries the flask home.");
  await bob.sees("Perfect. Last one there carries the flask home.");

  await alice.page().goto(origin);
  await shoot(alice, "3-conversations", (page) => page.getByRole("link", { name: "Sunday walk" }));
  await alice.openConversation("Sunday walk");
  await shoot(alice, "4-conversation", (page) =>
    page.getByText("Last one there carries").and(page.locator("[data-message-text]")),
  );
  await alice.roster();
  await shoot(alice, "5-members", (page) => page.getByTestId("group-code"));
} finally {
  await Promise.all(everybody.map((person) => person.dispose()));
  await relay.dispose();
}
process.stdout.write("The pictures are in docs/screenshots.\n");
