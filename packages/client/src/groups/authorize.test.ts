import { expect, test } from "vitest";
import { parseAccountId } from "../identity/parse-ids.ts";
import { authorize, type CommitFacts, effectiveAdmins } from "./authorize.ts";
import type { GroupPolicy } from "./policy.ts";

const [ann, ben, cat] = ["aa", "bb", "cc"].map((pair) => parseAccountId(pair.repeat(16))) as [
  ReturnType<typeof parseAccountId>,
  ReturnType<typeof parseAccountId>,
  ReturnType<typeof parseAccountId>,
];
const policy: GroupPolicy = {
  version: 1,
  kind: "group",
  host: "h",
  title: "",
  seatKey: new Uint8Array(32),
  trustedAsKeys: [{ keyId: new Uint8Array(8), publicKey: new Uint8Array(32) }],
  mayAdd: "admins",
  admins: [ann],
};
const members = [ann, ben, cat].map((userId, leaf) => ({ leaf, userId }));

function facts(changes: Partial<CommitFacts>): CommitFacts {
  return {
    before: policy,
    after: policy,
    membersBefore: members,
    membersAfter: members,
    proposals: [],
    ...changes,
  };
}

test("[POLICY-12] a group without a listed admin has its member with the lowest leaf for one", () => {
  expect(effectiveAdmins(policy, members)).toEqual([ann]);
  expect(effectiveAdmins(policy, members.slice(1))).toEqual([ben]);
  expect(effectiveAdmins({ ...policy, admins: [cat] }, members)).toEqual([cat]);
  expect(effectiveAdmins({ ...policy, kind: "direct", admins: [] }, members.slice(1))).toEqual([]);
  const orphaned = facts({
    membersBefore: members.slice(1),
    membersAfter: members.slice(1),
    proposals: [{ kind: "contextExtensions", by: ben }],
  });
  expect(authorize(orphaned)).toBeUndefined();
  expect(authorize({ ...orphaned, proposals: [{ kind: "contextExtensions", by: cat }] })).toBe(
    "POLICY_CHANGE_NOT_ALLOWED",
  );
});

test("who is added into a lower leaf doesn't take an unlisted admin's rights", () => {
  const orphaned = members.slice(1);
  const added = facts({
    membersBefore: orphaned,
    membersAfter: [{ leaf: 0, userId: cat }, ...orphaned],
    proposals: [{ kind: "add", by: cat, userId: cat }],
  });
  expect(authorize(added)).toBe("ADMIN_DISPLACED");
  // The admin writes the rights down with the newcomer.
  const written = { ...policy, admins: [ben] };
  const proposals = [
    { kind: "add", by: ben, userId: cat },
    { kind: "contextExtensions", by: ben },
  ] as const;
  expect(authorize({ ...added, after: written, proposals })).toBeUndefined();
  expect(authorize({ ...added, membersAfter: orphaned })).toBeUndefined();
});

test("everybody may add where the policy says so, and anybody devices of their own", () => {
  const add = facts({ proposals: [{ kind: "add", by: ben, userId: parseAccountId("dd".repeat(16)) }] });
  expect(authorize(add)).toBe("ADD_NOT_ALLOWED");
  const open = { ...policy, mayAdd: "all" } as const;
  expect(authorize({ ...add, before: open, after: open })).toBeUndefined();
  expect(authorize(facts({ proposals: [{ kind: "add", by: ben, userId: ben }] }))).toBeUndefined();
});

test("a new admin is a member; an old one who has gone may stay listed", () => {
  const promote = (admins: GroupPolicy["admins"], membersAfter = members) =>
    authorize(
      facts({
        after: { ...policy, admins },
        membersAfter,
        proposals: [{ kind: "contextExtensions", by: ann }],
      }),
    );
  expect(promote([ann, ben])).toBeUndefined();
  expect(promote([ann, parseAccountId("dd".repeat(16))])).toBe("ADMIN_NOT_MEMBER");
  expect(promote([ann], members.slice(1))).toBeUndefined();
});

test("a policy never goes back to an earlier form", () => {
  const later = { ...policy, version: 2 };
  expect(authorize(facts({ before: later, after: policy }))).toBe("POLICY_FIXED_PART_CHANGED");
  expect(authorize(facts({ before: policy, after: later }))).toBeUndefined();
});

test("a 1:1 chat with three people is refused however it came to be", () => {
  const direct = { ...policy, kind: "direct", admins: [] } as const;
  expect(authorize(facts({ before: direct, after: direct }))).toBe("DIRECT_MEMBERS");
});
