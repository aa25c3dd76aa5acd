import { expect, type Person, test } from "../src/stage/index.ts";

test("[S1] two members invite different people at the same moment: both get in, and all agree on everything", async ({
  people,
}) => {
  const [alice, bob, carol, dave] = await people("alice", "bob", "carol", "dave");
  const all = [alice, bob, carol, dave];
  await alice.startConversation(["bob"], "Garden");
  await bob.openConversation("Garden");
  await alice.makeAdmin("bob");
  await bob.page().getByRole("button", { name: "Members" }).click();
  await expect(bob.page().getByRole("button", { name: "Add people" })).toBeVisible();

  await Promise.all([alice.addMembers(["carol"]), bob.addMembers(["dave"])]);
  await Promise.all([carol.openConversation("Garden"), dave.openConversation("Garden")]);
  for (const somebody of all)
    await expect.poll(() => somebody.roster()).toEqual(["alice", "bob", "carol", "dave"]);

  await Promise.all(all.map((somebody) => somebody.send(`${somebody.name} speaks at the same time`)));
  for (const somebody of all)
    for (const other of all) await somebody.sees(`${other.name} speaks at the same time`);
  for (const somebody of all) await somebody.allSent();
  expect((await alice.messages()).length).toBe(4);
  await expectOneAnswer(all, async (somebody) => String(await somebody.messages()));
  await expectOneAnswer(all, (somebody) => somebody.groupCode());
});

test("[S1] two admins rename a group at the same moment: one title everywhere", async ({ people }) => {
  const [alice, bob] = await people("alice", "bob");
  await alice.startConversation(["bob"], "Garden");
  await bob.openConversation("Garden");
  await alice.makeAdmin("bob");
  await bob.page().getByRole("button", { name: "Members" }).click();
  await expect(bob.page().getByRole("button", { name: "Rename" })).toBeVisible();

  await Promise.all([alice.rename("Orchard"), bob.rename("Meadow")]);
  for (const somebody of [alice, bob]) {
    // Both acts take place, one after the other: what comes last stays.
    for (const title of ["Orchard", "Meadow"])
      await expect(
        somebody
          .page()
          .getByRole("log")
          .getByText(new RegExp(`named the group “${title}”`)),
      ).toBeVisible();
    await expect(somebody.page().getByRole("list", { name: "Under way" })).toHaveCount(0);
  }
  await expectOneAnswer([alice, bob], (somebody) => somebody.groupCode());
  const [title] = await expectOneAnswer([alice, bob], (somebody) =>
    somebody.page().getByRole("main").getByRole("heading", { level: 2 }).innerText(),
  );
  expect(["Orchard", "Meadow"]).toContain(title);
});

test("two people start a chat with each other at the same moment: it is one conversation, with all that both said", async ({
  people,
}) => {
  const [alice, bob] = await people("alice", "bob");
  await Promise.all([alice.startConversation(["bob"]), bob.startConversation(["alice"])]);
  const said: string[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const texts = [alice, bob].map(({ name }) => `${turn} from ${name}`);
    said.push(...texts);
    await Promise.all([alice, bob].map((somebody, at) => somebody.send(texts[at] ?? "")));
  }
  for (const somebody of [alice, bob]) for (const text of said) await somebody.sees(text);
  for (const somebody of [alice, bob]) await somebody.allSent();
  const [order] = await expectOneAnswer([alice, bob], async (somebody) => String(await somebody.messages()));
  expect(order?.split(",").toSorted()).toEqual(said.toSorted());

  // What is kept says the same as what is shown.
  await Promise.all([alice, bob].map((somebody) => somebody.page().reload()));
  for (const [somebody, other] of [
    [alice, "bob"],
    [bob, "alice"],
  ] as const) {
    await expect(somebody.page().getByRole("list", { name: "Conversations" }).getByRole("link")).toHaveText([
      other,
    ]);
    await somebody.sees("2 from bob");
    expect(String(await somebody.messages())).toBe(order);
  }
  await expectOneAnswer([alice, bob], (somebody) => somebody.groupCode());
});

/** Waits until everybody answers the same. */
async function expectOneAnswer(
  people: readonly Person[],
  ask: (person: Person) => Promise<string>,
): Promise<string[]> {
  let answers: string[] = [];
  await expect
    .poll(async () => {
      answers = [];
      for (const person of people) answers.push(await ask(person));
      return new Set(answers).size;
    })
    .toBe(1);
  return answers;
}
