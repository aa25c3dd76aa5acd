import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { findNames } from "./find-names.ts";

const user = randomBytes(16);
const group = randomBytes(32);
const token = randomBytes(32);
const names = {
  people: [{ what: "a user id", bytes: user }],
  groups: [{ what: "a group id", bytes: group }],
  secrets: [{ what: "a token", bytes: token }],
};
const around = (bytes: Buffer | string) =>
  Buffer.concat([randomBytes(50), Buffer.from(bytes as string), randomBytes(50)]);

test("[CHAOS-2] whatever way a name is written in a table that mustn't hold it, the dump check finds it", () => {
  for (const written of [
    user,
    user.toString("hex"),
    user.toString("hex").toUpperCase(),
    user.toString("base64"),
    user.toString("base64url"),
    Buffer.from(user.toString("hex")).toString("hex"),
  ]) {
    expect(findNames([{ name: "entries", bytes: around(written) }], names)).toHaveLength(1);
  }
  expect(findNames([{ name: "welcomes", bytes: around(group) }], names)).toHaveLength(1);
  expect(findNames([{ name: "seats", bytes: around(token) }], names)).toHaveLength(1);
  expect(findNames([{ name: "welcomes", bytes: around(token) }], names)).toHaveLength(1);
});

test("devices are known where key packages and Welcomes wait, groups in the tables of groups", () => {
  const tables = [
    { name: "key_packages", bytes: around(user) },
    { name: "groups", bytes: around(group) },
    { name: "entries", bytes: randomBytes(1000) },
  ];
  expect(findNames(tables, names)).toEqual([]);
});
