import { expect, test } from "vitest";
import { openStage } from "./stage.ts";

test("[SIM-9] Bob is away for 30 epochs and 60 messages, and reads them all in order when he is back", async () => {
  const stage = await openStage("30 epochs", ["alice", "bob", "carol"]);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  await stage.signUp(alice, bob, carol);
  const group = await stage.startGroup(alice, "busy", [bob, carol]);
  await stage.world.setOnline(bob, false);
  const expected: string[] = [];
  for (let round = 0; round < 30; round++) {
    await stage.act(alice, { type: "renameConversation", conversationId: group, title: `title ${round}` });
    for (const person of [alice, carol]) {
      const text = `${person.name} in round ${round}`;
      await stage.say(person, group, text);
      expected.push(`${person.name}: ${text}`);
    }
  }

  await stage.world.setOnline(bob, true);
  await stage.rest();

  const said = (await stage.lines(bob, group)).filter((line) => !line.startsWith("("));
  expect(said).toEqual(expected);
  expect(stage.view(bob, group).title).toBe("title 29");
  const retained = await bob.rows.list("pastEpochs", { prefix: [group] });
  expect(new Set(retained.map(({ key }) => key[1])).size).toBeLessThanOrEqual(3);
  await stage.end();
});

test("A relay that restarts between any two requests loses nothing that it acknowledged", async () => {
  const stage = await openStage("restarts", ["alice", "bob"]);
  const [alice, bob] = [stage.person("alice"), stage.person("bob")];
  await stage.signUp(alice, bob);
  const group = await stage.startGroup(alice, "shaky", [bob]);
  for (let round = 0; round < 20; round++) {
    await stage.beginSaying(round % 2 === 0 ? alice : bob, group, `message ${round}`);
    await stage.world.run(round);
    await stage.world.restartRelay();
  }
  await stage.end();
});
