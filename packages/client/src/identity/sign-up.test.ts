import { type Hello, LIMITS } from "@thicket/protocol";
import { expect, test } from "vitest";
import { AS_KEY, makeAccount } from "../testing/people.ts";
import { bob, openScene } from "../testing/scene.ts";
import { prepareAccount, takeAttestation } from "./sign-up.ts";

const hello: Hello = {
  nonce: new Uint8Array(32),
  host: "host.example",
  serverTime: 0,
  asKeys: [AS_KEY],
  limits: LIMITS,
};
const other = (await makeAccount("robert")).handle;

test("a second sign-up that comes too late changes nothing of the account that the first one made", async () => {
  const scene = await openScene();
  expect(await scene.run((step) => prepareAccount(step, other, hello, false))).toBeUndefined();
  expect(await scene.run((step) => prepareAccount(step, other, hello, true))).toBeUndefined();
  expect(await scene.store.get("account", ["self"])).toEqual(bob);
});

test("an attestation of somebody else's handle or root is not taken", async () => {
  const scene = await openScene();
  const { attestation } = await makeAccount("bob", "phone", "another root");
  expect(await scene.run((step) => takeAttestation(step, bob, attestation!))).toBe(false);
  const renamed = { ...bob, handle: other };
  expect(await scene.run((step) => takeAttestation(step, renamed, bob.attestation!))).toBe(false);
  expect(await scene.store.get("account", ["self"])).toEqual(bob);
});
