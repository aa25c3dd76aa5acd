import { expect, type Person, test } from "../src/stage/index.ts";
import { readLog } from "../src/stage/raw-log.ts";

test("[S12] who leaves and closes at once is let go by those who stay, keeps the history and hears no more", async ({
  people,
  relay,
}) => {
  const [alice, bob, carol] = await people("alice", "bob", "carol");
  await alice.startConversation(["bob", "carol"], "Garden");
  for (const somebody of [bob, carol]) await somebody.openConversation("Garden");
  await alice.send("carol reads this");
  for (const somebody of [alice, bob, carol]) await somebody.sees("carol reads this");

  const known = readLog(relay.dataDirectory).length;
  await carol.leave();
  await expect.poll(() => readLog(relay.dataDirectory).length).toBeGreaterThan(known);
  await carol.close();
  await bob.send("carol does not read this");
  for (const somebody of [alice, bob]) {
    await expect.poll(() => somebody.roster()).toEqual(["alice", "bob"]);
    await somebody.sees("carol does not read this");
    await expect(somebody.page().getByRole("log").getByText("carol left")).toBeVisible();
  }
  expect(await alice.groupCode()).toBe(await bob.groupCode());

  await carol.open();
  await carol.openConversation("Garden");
  await expect(carol.page().getByText("You left this conversation")).toBeVisible();
  await expect(carol.page().getByRole("textbox", { name: "Message" })).toHaveCount(0);
  await bob.send("nor this");
  await alice.sees("nor this");
  expect(await carol.messages()).toEqual(["carol reads this"]);
});

test("the only admin leaves: somebody who stays becomes admin, and can remove somebody", async ({
  people,
}) => {
  const [alice, bob, carol] = await people("alice", "bob", "carol");
  await alice.startConversation(["bob", "carol"], "Garden");
  for (const somebody of [bob, carol]) await somebody.openConversation("Garden");
  await expect.poll(() => alice.roster()).toEqual(["alice", "bob", "carol"]);

  await alice.leave();
  await expect(alice.page().getByText("You left this conversation")).toBeVisible();
  for (const somebody of [bob, carol]) await expect.poll(() => somebody.roster()).toEqual(["bob", "carol"]);
  const seen = [await admins(bob), await admins(carol)];
  expect(seen[0]).toHaveLength(1);
  expect(seen[1]).toEqual(seen[0]);

  const [heir, other] = seen[0]?.[0] === "bob" ? [bob, carol] : [carol, bob];
  await heir.removeMember(other.name);
  await expect(other.page().getByText(`${heir.name} removed you`)).toBeVisible();
  await expect.poll(() => heir.roster()).toEqual([heir.name]);
});

test("rights: who is no admin is offered nothing; who is made one removes and adds again, and nothing between is read", async ({
  people,
}) => {
  const [alice, bob, carol] = await people("alice", "bob", "carol");
  await alice.startConversation(["bob", "carol"], "Garden");
  for (const somebody of [bob, carol]) await somebody.openConversation("Garden");
  await alice.send("before");
  for (const somebody of [alice, bob, carol]) await somebody.sees("before");

  expect(await bob.roster()).toEqual(["alice", "bob", "carol"]);
  const offered = bob.page().getByRole("complementary", { name: "Members" }).getByRole("button");
  await expect(offered.filter({ hasText: /Add people|Rename/ })).toHaveCount(0);
  await expect(bob.page().getByRole("button", { name: /^Actions for/ })).toHaveCount(0);

  await alice.makeAdmin("bob");
  await expect(bob.page().getByRole("button", { name: /^Actions for/ })).toHaveCount(2);
  await expect(offered.filter({ hasText: /Add people|Rename/ })).toHaveCount(2);
  for (const somebody of [alice, bob, carol])
    await expect.poll(() => admins(somebody)).toEqual(["alice", "bob"]);

  await bob.removeMember("carol");
  await expect(carol.page().getByText("bob removed you")).toBeVisible();
  await expect(carol.page().getByRole("textbox", { name: "Message" })).toHaveCount(0);
  await alice.send("between");
  await bob.sees("between");

  await bob.addMembers(["carol"]);
  await expect(carol.page().getByRole("textbox", { name: "Message" })).toBeEnabled();
  await expect.poll(() => alice.roster()).toEqual(["alice", "bob", "carol"]);
  await alice.send("after");
  await carol.sees("after");
  await carol.send("carol is back");
  await bob.sees("carol is back");
  expect(await carol.messages()).toEqual(["before", "after", "carol is back"]);
  expect(await bob.messages()).toEqual(["before", "between", "after", "carol is back"]);
});

/** Who has an admin's mark in somebody's members panel, sorted. */
async function admins(person: Person): Promise<string[]> {
  await person.roster();
  const rows = person.page().locator("[data-member-handle]").filter({ hasText: "Admin" });
  const handles = await rows.evaluateAll((all) =>
    all.map((row) => row.getAttribute("data-member-handle") ?? ""),
  );
  return handles.sort();
}
