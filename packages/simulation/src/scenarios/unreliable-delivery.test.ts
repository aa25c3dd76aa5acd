import { expect, test } from "vitest";
import { openStage } from "./stage.ts";

test("[SIM-7] Messages that come twice, late, in another order or not at all are each shown once, in one order", async () => {
  const stage = await openStage("unreliable", ["alice", "bob", "carol", "dave"]);
  const people = stage.world.people;
  await stage.signUp(...people);
  const [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map((name) => stage.person(name));
  if (!alice || !bob || !carol || !dave) throw new Error("four people");
  const group = await stage.startGroup(alice, "noise", [bob, carol, dave]);

  stage.world.network.conditions = { latency: [1, 400], drop: 0.1, duplicate: 0.2, straggle: 0.05 };
  for (let round = 0; round < 25; round++) {
    for (const person of people) await stage.beginSaying(person, group, `${person.name} ${round}`);
    if (round % 8 === 4)
      await stage.begin(alice, {
        type: "renameConversation",
        conversationId: group,
        title: `round ${round}`,
      });
    await stage.world.run(300);
  }
  await stage.end({ keepOpen: true });

  const lines = await stage.lines(dave, group);
  const said = lines.filter((line) => !line.startsWith("("));
  expect(said).toHaveLength(100);
  expect(new Set(said).size).toBe(100);
  expect(await stage.lines(bob, group)).toEqual(lines);
  await stage.world.close();
});
