import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "@thicket/protocol";
import { expect, test } from "vitest";
import { makeAccount, makeGroupOf } from "../testing/people.ts";
import { epochTokenOf, entryHash, seatIdOf, tokenHash } from "./seats.ts";

test("[SEAT-1] a seat is named by the group's key and the leaf's, and by nothing else", () => {
  const key = new Uint8Array(32).fill(1);
  const leaf = new Uint8Array(32).fill(2);
  expect(seatIdOf(key, leaf)).toBe(toHex(hmac(sha256, key, leaf)).slice(0, 32));
  expect(seatIdOf(new Uint8Array(32), leaf)).not.toBe(seatIdOf(key, leaf));
  expect(seatIdOf(key, key)).not.toBe(seatIdOf(key, leaf));
});

test("[SEAT-2] all members of an epoch have one epoch token, another in every epoch", async () => {
  const [alice, bob] = [await makeAccount("alice"), await makeAccount("bob")];
  const [before] = await makeGroupOf([alice]);
  const states = await makeGroupOf([alice, bob]);
  const tokens = states.map((state) => toHex(epochTokenOf(state)));
  expect(tokens[0]).toBe(tokens[1]);
  expect(toHex(epochTokenOf(before!))).not.toBe(tokens[0]);
  expect(toHex(tokenHash(epochTokenOf(states[0]!)))).toBe(entryHash(epochTokenOf(states[1]!)));
});
