import { utf8ToBytes } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";
import { createApplicationMessage, proposeRemove } from "./group/send-message.ts";
import { stageCommit } from "./group/stage-commit.ts";
import { parseHeader } from "./parse-header.ts";
import { refusal } from "./testing/error-code.ts";
import { groupOf, packageOf, person, testDeps } from "./testing/people.ts";

const deps = testDeps("parse header");

test("the header of a group message says its framing, group, epoch and kind of content (§6.2, §6.3)", async () => {
  const [alice] = await groupOf(["alice", "bob"], deps);
  if (alice === undefined) throw new Error("nobody there");
  const { groupId, epoch } = alice.context;
  const text = await createApplicationMessage(alice, utf8ToBytes("hi"), {}, deps);
  expect(parseHeader(text.message)).toEqual({
    wireFormat: "privateMessage",
    groupId,
    epoch,
    contentType: "application",
  });
  const remove = await proposeRemove(alice, 1, { wireFormat: "publicMessage" }, deps);
  expect(parseHeader(remove.message)).toEqual({
    wireFormat: "publicMessage",
    groupId,
    epoch,
    contentType: "proposal",
  });
});

test("a key package and a Welcome are no messages to a group (§6)", async () => {
  const { message, keyPackage } = await packageOf(await person("zoe", deps.random), deps.random);
  expect(await refusal(() => parseHeader(message))).toBe("WIRE_FORMAT_UNEXPECTED");
  const [alice] = await groupOf(["alice"], deps);
  if (alice === undefined) throw new Error("nobody there");
  const { staged } = await stageCommit(alice, { add: [keyPackage] }, deps);
  expect(await refusal(() => parseHeader(staged.welcome ?? new Uint8Array()))).toBe("WIRE_FORMAT_UNEXPECTED");
});
