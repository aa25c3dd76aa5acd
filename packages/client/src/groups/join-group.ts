import {
  checkKeyPackage,
  contextExtensions,
  type GroupState,
  groupId as groupIdOf,
  joinGroup,
  members,
  MlsError,
  equalBytes,
  memberAt,
  ownLeaf,
} from "@thicket/mls";
import { type AccountId, type GroupId, toHex } from "@thicket/protocol";
import { memberOfLeaf } from "../identity/member-of-leaf.ts";
import { parseGroupId } from "../identity/parse-ids.ts";
import { pinContact } from "../identity/pin-contacts.ts";
import { type Group, isLive, type LoadedGroup } from "../state.ts";
import type { Step } from "../step.ts";
import type { AccountRow, KeyPackageRow } from "../tables.ts";
import { addToConversation, conversationIdOf } from "./create-group.ts";
import { epochFields, policyOf, seatOfLeaf } from "./epoch-fields.ts";
import { areExtensionsAllowed, hasUserWithTwoRoots } from "./judge-commit.ts";
import { readLeafProfile } from "./leaf-profile.ts";
import { readPolicy } from "./policy.ts";

export type JoinOutcome =
  | { kind: "joined"; groupId: GroupId }
  /** For a group that this device is still in, or about to be: to be looked at again once it is out. */
  | { kind: "later"; groupId: GroupId }
  /** For a key package that isn't here, or an epoch that is behind: nothing to do. */
  | { kind: "stale" }
  | { kind: "bad"; reason: string };

/**
 * Joins by a Welcome. The group, the place in a conversation and the key package's end are one commit; the relay is
 * asked for a seat afterwards, and until it has given one the conversation says `joining`.
 */
export async function joinByWelcome(
  step: Step,
  account: AccountRow,
  keyPackageRef: string,
  welcome: Uint8Array,
): Promise<JoinOutcome> {
  const keys = await step.deps.ports.store.get("keyPackages", [keyPackageRef]);
  if (keys === undefined) return { kind: "stale" };
  let state: GroupState;
  try {
    state = await openWelcome(step, keys, welcome);
  } catch (error) {
    if (error instanceof MlsError || error instanceof RangeError) {
      return { kind: "bad", reason: error instanceof MlsError ? error.code : "WELCOME_INVALID" };
    }
    throw error;
  }
  const reason = judgeJoined(account, state);
  if (reason !== undefined) return { kind: "bad", reason };
  const known = step.group(parseGroupId(toHex(groupIdOf(state))));
  if (known !== undefined) {
    const { row } = known;
    // Whether that Welcome was the right one isn't known yet, so this one isn't thrown away for it.
    if (row.membership.state === "joining") return { kind: "later", groupId: row.groupId };
    // Also where it has ended: who took an old Welcome again would use the keys of that epoch a second time.
    if (Number(state.context.epoch) <= row.epoch) return { kind: "stale" };
    if (isLive(row)) return { kind: "later", groupId: row.groupId };
    // What a group that broke still holds is taken back record by record.
    if (row.membership.state === "broken") await step.withEngine(row.groupId);
  }
  if (!keys.lastResort) step.write({ table: "keyPackages", key: [keyPackageRef], value: undefined });
  return { kind: "joined", groupId: enterGroup(step, account, state, keys, known) };
}

async function openWelcome(step: Step, keys: KeyPackageRow, welcome: Uint8Array): Promise<GroupState> {
  const keyPackage = await checkKeyPackage(keys.message, { suite: keys.suite });
  return joinGroup({
    welcome,
    keyPackage,
    initPrivateKey: keys.initPrivateKey,
    encryptionPrivateKey: keys.encryptionPrivateKey,
    signatureKey: { publicKey: keys.signaturePublicKey, privateKey: keys.signaturePrivateKey },
    deps: step.deps.engine,
  });
}

/** Bytes (`delivery.md`, group.create): the engine takes any number of them. */
const GROUP_ID_LENGTH = 32;

/** What a group must be like for this client to enter it; local policy, since nobody else depends on it. */
function judgeJoined(account: AccountRow, state: GroupState): string | undefined {
  const extensions = contextExtensions(state);
  if (groupIdOf(state).length !== GROUP_ID_LENGTH) return "GROUP_ID_INVALID";
  const policy = readPolicy(extensions);
  if (policy === undefined) return "POLICY_UNREADABLE";
  if (!areExtensionsAllowed(extensions)) return "CONTEXT_EXTENSION_FORBIDDEN";
  const list = members(state);
  for (const { leafNode } of list) {
    const profile = readLeafProfile(leafNode.extensions);
    if (profile?.policyVersions.includes(policy.version) !== true) return "LEAF_PROFILE_MISSING";
  }
  if (hasUserWithTwoRoots(list)) return "USER_WITH_TWO_ROOTS";
  // An AS that the inviter made up could make up everybody in the group.
  const trusted = policy.trustedAsKeys.every(({ publicKey }) =>
    account.asKeys.some((key) => equalBytes(key.publicKey, publicKey)),
  );
  if (!trusted) return "AS_KEY_UNTRUSTED";
  const users = new Set(list.map(({ leafNode }) => memberOfLeaf(leafNode).userId));
  if (policy.kind === "direct" && users.size !== 2) return "DIRECT_MEMBERS";
  return undefined;
}

/** `before` is what is left of the group from an earlier time in it. */
function enterGroup(
  step: Step,
  account: AccountRow,
  state: GroupState,
  keys: KeyPackageRow,
  before: Group | undefined,
): GroupId {
  const groupId = parseGroupId(toHex(groupIdOf(state)));
  const own = memberAt(state, ownLeaf(state));
  if (own === undefined) throw new TypeError("a group without its own leaf");
  const fields = epochFields(state, [], 0);
  const group: LoadedGroup = {
    row: {
      ...fields,
      // Who was there before us has been here longer than we can tell.
      roster: fields.roster.map((entry) => ({ ...entry, invited: false })),
      groupId,
      conversationId: groupId,
      membership: { state: "joining" },
      created: true,
      seated: false,
      seatId: seatOfLeaf(policyOf(state).seatKey, own),
      seatToken: step.deps.ports.random.bytes(32),
      branch: 0,
      ended: [],
      ...(before && { replaced: { row: before.row, cursor: before.cursor } }),
    },
    cursor: { seq: 0, acked: before?.cursor.acked ?? 0 },
    staged: undefined,
    intents: [],
    // What failed when the last time ended still waits for its person's word.
    outbox: before?.outbox ?? [],
    engine: { state, past: [], next: undefined, leafKey: keys.signaturePrivateKey },
  };
  const conversationId = conversationIdOf(group, account.userId);
  step.setGroup({ ...group, row: { ...group.row, conversationId } });
  addToConversation(step, conversationId, group.row.kind, groupId);
  pinAll(step, state, account.userId);
  return groupId;
}

function pinAll(step: Step, state: GroupState, self: AccountId): void {
  for (const { leafNode } of members(state)) {
    const member = memberOfLeaf(leafNode);
    if (member.userId !== self) pinContact(step, member);
  }
}
