import { expect, test } from "../src/stage/index.ts";
import { reachableDevices, readLog } from "../src/stage/raw-log.ts";

test("[S2] three found a group with only one online at a time and read exactly what was sent since each joined", async ({
  person,
  relay,
}) => {
  const alice = await person("alice");
  const bob = await person("bob");
  const carol = await person("carol");
  for (const somebody of [bob, carol, alice]) {
    await somebody.open();
    await somebody.signUp();
    await expect
      .poll(() => reachableDevices(relay.dataDirectory))
      .toBe([bob, carol, alice].indexOf(somebody) + 1);
    await somebody.close();
  }

  await alice.open();
  await alice.startConversation(["bob"], "Garden");
  await alice.send("1 from alice: bob reads this");
  await alice.allSent();
  await alice.close();

  await bob.open();
  await bob.openConversation("Garden");
  await bob.sees("1 from alice: bob reads this");
  await bob.send("2 from bob");
  await bob.allSent();
  await bob.close();

  await alice.open();
  await alice.openConversation("Garden");
  await alice.sees("2 from bob");
  await alice.addMembers(["carol"]);
  await expect.poll(() => alice.roster()).toEqual(["alice", "bob", "carol"]);
  await alice.send("3 from alice: carol is here");
  await alice.allSent();
  await alice.close();

  await carol.open();
  await carol.openConversation("Garden");
  await carol.sees("3 from alice: carol is here");
  await carol.send("4 from carol");
  await carol.allSent();
  await carol.close();

  const since = ["1 from alice: bob reads this", "2 from bob", "3 from alice: carol is here", "4 from carol"];
  for (const somebody of [alice, bob, carol]) {
    await somebody.open();
    await somebody.openConversation("Garden");
    await somebody.sees("4 from carol");
  }
  expect(await alice.messages()).toEqual(since);
  expect(await bob.messages()).toEqual(since);
  expect(await carol.messages()).toEqual(since.slice(2));

  const rosters = await Promise.all([alice, bob, carol].map((somebody) => somebody.roster()));
  expect(new Set(rosters.map(String))).toEqual(new Set(["alice,bob,carol"]));
  const codes = await Promise.all([alice, bob, carol].map((somebody) => somebody.groupCode()));
  expect(new Set(codes).size).toBe(1);
});

test("who is removed reads nothing of what follows, and isn't even sent it", async ({
  people,
  relay,
  wiretap,
}) => {
  const [alice, bob, carol] = await people("alice", "bob", "carol");
  await alice.startConversation(["bob", "carol"], "Garden");
  for (const somebody of [bob, carol]) await somebody.openConversation("Garden");
  await alice.send("all three read this");
  for (const somebody of [alice, bob, carol]) await somebody.sees("all three read this");

  await alice.removeMember("carol");
  await expect.poll(() => bob.roster()).toEqual(["alice", "bob"]);
  await expect(carol.page().getByText(/removed you/)).toBeVisible();
  const before = readLog(relay.dataDirectory);
  await alice.send("only two read this");
  await bob.sees("only two read this");
  await bob.send("and this");
  await alice.sees("and this");

  expect(await carol.messages()).toEqual(["all three read this"]);
  const fresh = readLog(relay.dataDirectory).filter((entry) => !before.some((known) => known.equals(entry)));
  expect(fresh.length).toBeGreaterThanOrEqual(2);
  const carolHeard = wiretap.heard("carol");
  const bobHeard = wiretap.heard("bob");
  for (const entry of fresh) {
    expect(bobHeard.includes(entry), "the wiretap hears what bob is sent").toBe(true);
    expect(carolHeard.includes(entry)).toBe(false);
  }
});
