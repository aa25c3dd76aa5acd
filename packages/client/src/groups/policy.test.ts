import * as fc from "fast-check";
import { encode, codec } from "@thicket/mls";
import { toHex } from "@thicket/protocol";
import { expect, test } from "vitest";
import { parseAccountId } from "../identity/parse-ids.ts";
import { encodeLeafProfile, LEAF_PROFILE_EXTENSION, readLeafProfile } from "./leaf-profile.ts";
import { encodePolicy, type GroupPolicy, POLICY_EXTENSION, readPolicy, TITLE_MAX } from "./policy.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyPolicy: fc.Arbitrary<GroupPolicy> = fc.record({
  version: fc.constant(1),
  kind: fc.constantFrom("group" as const, "direct" as const),
  host: fc.string({ minLength: 1, maxLength: 60, unit: "grapheme" }).filter((host) => host.length > 0),
  title: fc.string({ maxLength: 20, unit: "grapheme" }),
  seatKey: bytes(32),
  trustedAsKeys: fc.array(fc.record({ keyId: bytes(8), publicKey: bytes(32) }), {
    minLength: 1,
    maxLength: 3,
  }),
  mayAdd: fc.constantFrom("admins" as const, "all" as const),
  admins: fc
    .uniqueArray(bytes(16).map(toHex), { maxLength: 5 })
    .map((ids) => ids.toSorted().map(parseAccountId)),
});

test("a policy is read back as it was written, byte for byte", () => {
  fc.assert(
    fc.property(anyPolicy, (policy) => {
      const extension = encodePolicy(policy);
      const read = readPolicy([extension]);
      expect(read).toEqual(policy);
      expect(read && encodePolicy(read)).toEqual(extension);
    }),
  );
});

test("[POLICY-10] no bytes make the readers of policy and leaf profile throw", () => {
  const [sample] = fc.sample(anyPolicy, 1);
  const good = encodePolicy(sample!).data;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), fc.nat({ max: 255 }), (noise, at, value) => {
      readPolicy([{ type: POLICY_EXTENSION, data: noise }]);
      readLeafProfile([{ type: LEAF_PROFILE_EXTENSION, data: noise }]);
      const bent = good.slice();
      bent[at % bent.length] = value;
      const read = readPolicy([{ type: POLICY_EXTENSION, data: bent }]);
      // One value has one encoding: whatever is read is what was written.
      if (read !== undefined) expect(encodePolicy(read).data).toEqual(bent);
    }),
    { numRuns: 2000 },
  );
});

test("[POLICY-11] another version, admins out of order or twice, no AS key and trailing bytes are unreadable", () => {
  const policy: GroupPolicy = {
    version: 1,
    kind: "group",
    host: "h",
    title: "",
    seatKey: new Uint8Array(32),
    trustedAsKeys: [{ keyId: new Uint8Array(8), publicKey: new Uint8Array(32) }],
    mayAdd: "admins",
    admins: [parseAccountId("11".repeat(16)), parseAccountId("22".repeat(16))],
  };
  const { data } = encodePolicy(policy);
  const read = (changed: Uint8Array) => readPolicy([{ type: POLICY_EXTENSION, data: changed }]);
  expect(read(data)).toEqual(policy);
  expect(read(Uint8Array.from([...data, 0]))).toBeUndefined();
  expect(read(Uint8Array.from([0, 2, ...data.subarray(2)]))).toBeUndefined();
  const swapped = data.slice();
  swapped.set(data.subarray(-16), data.length - 32);
  swapped.set(data.subarray(-32, -16), data.length - 16);
  expect(read(swapped)).toBeUndefined();
  const doubled = data.slice();
  doubled.set(data.subarray(-16), data.length - 32);
  expect(read(doubled)).toBeUndefined();
  expect(readPolicy([])).toBeUndefined();
  // Without an AS key nobody could ever be let in.
  const header = data.subarray(0, 2 + 1 + 2 + 1 + 32);
  const noKeys = Uint8Array.from([...header, 0, 1, ...encode(codec.opaque, new Uint8Array())]);
  expect(read(noKeys)).toBeUndefined();
});

test("a title that is too long or not well-formed isn't written", () => {
  const policy = { ...fc.sample(anyPolicy, 1)[0]!, title: "x".repeat(TITLE_MAX + 1) };
  expect(() => encodePolicy(policy)).toThrow();
  expect(() => encodePolicy({ ...policy, title: "\ud800" })).toThrow();
  expect(readPolicy([encodePolicy({ ...policy, title: "x".repeat(TITLE_MAX) })])?.title).toHaveLength(
    TITLE_MAX,
  );
});

test("a leaf profile is read back as it was written; a bad media type is none", () => {
  const profile = { policyVersions: [1, 2], contentTypes: ["application/mimi-content"] };
  expect(readLeafProfile([encodeLeafProfile(profile)])).toEqual(profile);
  expect(readLeafProfile([encodeLeafProfile({ ...profile, contentTypes: ["a b"] })])).toBeUndefined();
  expect(readLeafProfile([])).toBeUndefined();
});
