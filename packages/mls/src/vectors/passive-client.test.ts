import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";
import { EXTENSION_REQUIRED_CAPABILITIES } from "../extension.ts";
import type { EngineDeps } from "../group/authentication.ts";
import { exportGroupInfo } from "../group/export-group-info.ts";
import { epochAuthenticator, type GroupState } from "../group/group-state.ts";
import { joinByExternalCommit } from "../group/join-by-external-commit.ts";
import { processMessage } from "../group/process-message.ts";
import { proposeUpdate } from "../group/send-message.ts";
import type { CommitIntent } from "../group/commit-intent.ts";
import { stageCommit } from "../group/stage-commit.ts";
import { mergeCommit } from "../group/staged-commit.ts";
import { CAPABILITIES, groupOf, nextOf, packageOf, person, takeCommit } from "../testing/people.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { trustingDeps } from "./client-parts.ts";
import { checkPassiveClient, type PassiveClientVector } from "./passive-client.ts";

const PSK = { psk_id: "0102", psk: "07".repeat(32) };

/** None of the working group's files has an external commit; others of the format may. */
test("a passive client follows external commits, pre-shared keys and new context extensions", async () => {
  const vector = await scenario();
  expect(vector.epochs).toHaveLength(4);
  await checkPassiveClient(vector);
  const wrongKey = { ...vector, external_psks: [{ ...PSK, psk: "08".repeat(32) }] };
  await expect(checkPassiveClient(wrongKey)).rejects.toThrow();
});

/** Four epochs after the one in which the client was added: an update by reference, PSKs, an outsider, extensions. */
async function scenario(): Promise<PassiveClientVector> {
  const resumption = new Map<bigint, Uint8Array>();
  const deps = {
    ...trustingDeps((id) => (id.kind === "external" ? new Uint8Array(32).fill(7) : resumption.get(id.epoch))),
    random: seededRandom("a passive client's scenario"),
  };
  const [alice, bob] = await groupOf(["alice", "bob"], deps);
  if (alice === undefined || bob === undefined) throw new Error("two people");
  const client = await person("client", deps.random);
  const made = await packageOf(client, deps.random);
  const { staged } = await stageCommit(alice, { add: [made.keyPackage] }, deps);
  let atAlice = nextOf(staged);
  const epochs: PassiveClientVector["epochs"] = [];
  const closeEpoch = (proposals: Uint8Array[], commit: Uint8Array, next: GroupState): void => {
    resumption.set(atAlice.context.epoch, atAlice.secrets.resumptionPsk);
    atAlice = next;
    const authenticator = bytesToHex(epochAuthenticator(next));
    epochs.push({
      proposals: proposals.map(bytesToHex),
      commit: bytesToHex(commit),
      epoch_authenticator: authenticator,
    });
  };
  const commit = async (intent: CommitIntent, proposals: Uint8Array[] = []): Promise<void> => {
    const { staged: own } = await stageCommit(atAlice, intent, deps);
    closeEpoch(proposals, own.message, mergeCommit(own));
  };

  const update = await updateOf(bob, staged.message, deps);
  atAlice = (await processMessage(atAlice, update, deps, { allowPublic: true })).state;
  const first = atAlice.context.epoch;
  const groupId = atAlice.context.groupId;
  await commit({}, [update]);
  const pskId = utf8ToBytes("\u0001\u0002");
  await commit({
    psks: [
      { kind: "external", pskId },
      { kind: "resumption", groupId, epoch: first },
    ],
  });

  const outsider = await joinAsOutsider(atAlice, deps);
  closeEpoch([], outsider.message, outsider.next);
  const noneRequired = { type: EXTENSION_REQUIRED_CAPABILITIES, data: Uint8Array.of(0, 0, 0) };
  await commit({ contextExtensions: [noneRequired], wireFormat: "publicMessage" });

  const { signatureKey: key } = client;
  if (!(key.privateKey instanceof Uint8Array)) throw new Error("a seed");
  return {
    cipher_suite: 1,
    external_psks: [PSK],
    key_package: bytesToHex(made.message),
    signature_priv: bytesToHex(key.privateKey),
    encryption_priv: bytesToHex(made.encryptionPrivateKey),
    init_priv: bytesToHex(made.initPrivateKey),
    welcome: bytesToHex(staged.welcome ?? new Uint8Array()),
    ratchet_tree: null,
    initial_epoch_authenticator: bytesToHex(epochAuthenticator(nextOf(staged))),
    epochs,
  };
}

/** A member's proposal in the epoch after a commit, as a PublicMessage. */
async function updateOf(state: GroupState, commit: Uint8Array, deps: EngineDeps): Promise<Uint8Array> {
  const next = nextOf(await takeCommit(state, commit, deps));
  return (await proposeUpdate(next, {}, { wireFormat: "publicMessage" }, deps)).message;
}

async function joinAsOutsider(
  atMember: GroupState,
  deps: EngineDeps,
): Promise<{ message: Uint8Array; next: GroupState }> {
  const { credential, signatureKey } = await person("dave", deps.random);
  const groupInfo = await exportGroupInfo(atMember);
  const options = { groupInfo, credential, signatureKey, capabilities: CAPABILITIES, deps };
  const { message } = await joinByExternalCommit(options);
  const followed = await processMessage(atMember, message, deps, { allowPublic: true });
  if (followed.kind !== "commit") throw new Error("not a commit");
  return { message, next: nextOf(followed.staged) };
}
