import { expect, test } from "vitest";
import { openStage } from "./stage.ts";

test("[SIM-5] Who was removed keeps what was said before, learns it, and reads nothing after", async () => {
  const stage = await openStage("removed", ["alice", "bob", "carol"]);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  await stage.signUp(alice, bob, carol);
  const group = await stage.startGroup(alice, "three", [bob, carol]);
  await stage.say(carol, group, "we are three");

  await stage.act(alice, { type: "removeMember", conversationId: group, userId: stage.userId(carol) });
  await stage.say(bob, group, "we are two");

  expect(stage.view(carol, group).membership).toEqual({ state: "removed", by: stage.userId(alice) });
  const lines = await stage.lines(carol, group);
  expect(lines).toContain("carol: we are three");
  expect(lines).not.toContain("bob: we are two");
  expect(await stage.lines(alice, group)).toContain("bob: we are two");
  const refused = await stage.world.ask(carol, {
    type: "sendMessage",
    conversationId: group,
    text: "still here?",
  });
  expect(refused).toMatchObject({ ok: false });
  await stage.end();
});

test("Who was removed and is invited again reads on from there", async () => {
  const stage = await openStage("invited again", ["alice", "bob", "carol"]);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  await stage.signUp(alice, bob, carol);
  const group = await stage.startGroup(alice, "again", [bob, carol]);
  await stage.say(alice, group, "one");
  await stage.act(alice, { type: "removeMember", conversationId: group, userId: stage.userId(carol) });
  await stage.say(alice, group, "two");
  await stage.act(alice, { type: "inviteMembers", conversationId: group, handles: ["carol"] });
  await stage.say(alice, group, "three");

  const said = (await stage.lines(carol, group)).filter((line) => !line.startsWith("("));
  expect(said).toEqual(["alice: one", "alice: three"]);
  expect(stage.view(carol, group).membership).toEqual({ state: "member" });
  await stage.end();
});
