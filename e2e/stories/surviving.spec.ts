import { expect, type Person, test } from "../src/stage/index.ts";

test("reload, close and reopen: history, draft and sending go on", async ({ people }) => {
  const [alice, bob] = await people("alice", "bob");
  await alice.startConversation(["bob"]);
  await alice.send("before the reload");
  await alice.page().reload();
  await alice.openConversation("bob");
  await alice.sees("before the reload");
  await alice.send("after the reload");
  await alice.page().getByRole("textbox", { name: "Message" }).fill("a thought not yet sent");
  await expect(alice.page().getByText("Draft saved")).toBeAttached();

  await alice.close();
  await alice.open();
  await alice.openConversation("bob");
  await expect(alice.page().getByRole("textbox", { name: "Message" })).toHaveValue("a thought not yet sent");
  await alice.send("after closing");

  await bob.openConversation("alice");
  await bob.sees("after closing");
  expect(await bob.messages()).toEqual(["before the reload", "after the reload", "after closing"]);
});

test("[WEB-1] two tabs of one profile both work; when the first closes the second goes on", async ({
  people,
}) => {
  const [alice, bob] = await people("alice", "bob");
  await alice.startConversation(["bob"]);
  await bob.openConversation("alice");
  const first = alice.page();
  const second = await alice.newTab();
  await second.getByRole("link", { name: "bob" }).click();

  const expected: string[] = [];
  for (let turn = 0; turn < 5; turn++) {
    for (const [tab, name] of [
      [first, "first"],
      [second, "second"],
    ] as const) {
      const text = `${turn} from the ${name} tab`;
      expected.push(text);
      const box = tab.getByRole("textbox", { name: "Message" });
      await box.fill(text);
      await box.press("Enter");
      await expect(second.getByRole("log").getByText(text, { exact: true })).toBeVisible();
      await expect(first.getByRole("log").getByText(text, { exact: true })).toBeVisible();
    }
  }
  await bob.sees(expected.at(-1) ?? "");
  expect(await bob.messages()).toEqual(expected);

  await first.close();
  const box = second.getByRole("textbox", { name: "Message" });
  await box.fill("the second tab alone");
  await box.press("Enter");
  await bob.sees("the second tab alone");
  expect(await bob.messages()).toEqual([...expected, "the second tab alone"]);
});

test("the relay dies by SIGKILL while people type: nothing is lost, nothing comes twice", async ({
  people,
  relay,
}) => {
  const [alice, bob, carol] = await people("alice", "bob", "carol");
  await alice.startConversation(["bob", "carol"], "Storm");
  for (const somebody of [bob, carol]) await somebody.openConversation("Storm");

  const sent: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const somebody of [alice, bob, carol]) {
      const text = `${round} from ${somebody.name}, relay up`;
      await somebody.send(text);
      sent.push(text);
    }
    await relay.kill();
    for (const somebody of [alice, bob, carol]) {
      const text = `${round} from ${somebody.name}, relay down`;
      await somebody.send(text);
      sent.push(text);
    }
    await relay.start();
  }
  for (const somebody of [alice, bob, carol]) {
    for (const text of sent) await somebody.sees(text);
    await expect(somebody.page().getByText("Sending")).toHaveCount(0);
  }
  const orders = await Promise.all([alice, bob, carol].map((somebody) => somebody.messages()));
  expect(orders[0]?.toSorted()).toEqual(sent.toSorted());
  expect(orders[1]).toEqual(orders[0]);
  expect(orders[2]).toEqual(orders[0]);
});

test("a browser killed in the middle of a burst loses nothing and repeats nothing", async ({ people }) => {
  const [alice, bob] = await people("alice", "bob");
  await alice.startConversation(["bob"]);
  await bob.openConversation("alice");
  const sent: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 5; index++) {
      const text = `${round}.${index}`;
      await alice.send(text);
      await expect(alice.page().getByRole("log").getByText(text, { exact: true })).toBeVisible();
      sent.push(text);
    }
    await alice.crash();
    await alice.open();
    await alice.openConversation("bob");
  }
  await alice.send("the end");
  await bob.sees("the end");
  expect(await bob.messages()).toEqual([...sent, "the end"]);
  expect(await alice.messages()).toEqual([...sent, "the end"]);
});

test("[DRAFT-1] a browser killed as Enter is pressed has the words in the timeline or in the composer", async ({
  people,
}) => {
  const [alice, bob] = await people("alice", "bob");
  await alice.startConversation(["bob"]);
  const sent = ["first", "second", "third"];
  for (const text of sent) {
    await composer(alice).fill(text);
    await expect(alice.page().getByText("Draft saved")).toBeAttached();
    await composer(alice).press("Enter");
    await alice.crash();
    await alice.open();
    await alice.openConversation("bob");
    await expect(composer(alice)).toBeEnabled();
    const kept = async () =>
      (await alice.messages()).includes(text) || (await composer(alice).inputValue()) === text;
    await expect.poll(kept).toBe(true);
    if ((await composer(alice).inputValue()) === text) await composer(alice).press("Enter");
    await alice.sees(text);
  }
  await bob.openConversation("alice");
  await bob.sees("third");
  expect(await bob.messages()).toEqual(sent);
});

test("[PWA-1] without a network the app opens and shows the local history; what is typed goes out later", async ({
  people,
  wiretap,
}) => {
  const [alice, bob] = await people("alice", "bob");
  await alice.startConversation(["bob"]);
  await alice.send("kept on this device");
  await alice.page().evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await bob.openConversation("alice");
  await bob.sees("kept on this device");

  wiretap.block(true);
  await alice.page().reload();
  await alice.openConversation("bob");
  await alice.sees("kept on this device");
  await expect(
    alice
      .page()
      .getByRole("status")
      .getByText(/offline/i),
  ).toBeVisible();
  await alice.send("typed offline");

  wiretap.block(false);
  await bob.sees("typed offline");
});

function composer(person: Person) {
  return person.page().getByRole("textbox", { name: "Message" });
}
