import { bytesToHex } from "@noble/hashes/utils.js";
import { checkKeyPackage } from "../check-key-package.ts";
import { decode, encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { EXTENSION_RATCHET_TREE } from "../extension.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { readGroupInfo } from "../group/check-group-info.ts";
import { joinByExternalCommit } from "../group/join-by-external-commit.ts";
import { openLate } from "../group/past-epoch.ts";
import { type KeyPackage, keyPackageCodec, signKeyPackage } from "../key-package.ts";
import { leafNodeCodec, ratchetTreeCodec, signLeafNode } from "../leaf-node.ts";
import { forgeWelcome } from "../testing/forge.ts";
import { join } from "../testing/people.ts";
import { decodeTree, encodeTree } from "../tree/tree-extension.ts";
import { signGroupInfo, type UnsignedGroupInfo } from "../welcome.ts";
import { encodeMutant, mutateBytes, mutateValue } from "./mutate.ts";
import { attempt, checkState, Finding } from "./oracle.ts";
import type { Outcome, Run } from "./prepare.ts";
import { capabilitiesFor, fuzzDeps } from "./world.ts";

/** A Welcome for Erin: changed on the way, or made by Mallory for a group of her own making. */
export async function fuzzJoin(run: Run): Promise<Outcome> {
  const { prepared, dice, seed } = run;
  const { world } = prepared;
  const { who, made, welcome } = world.joiner;
  const byMallory = dice.below(4) > 1;
  const input = byMallory ? await forgedWelcome(run) : mutateMessage(run, welcome);
  if (input === undefined) return { result: "unsaid" };
  run.input = input;
  const joined = await attempt(() => join(who, made, input, fuzzDeps(`${seed}/join`)));
  if (typeof joined === "string") return { result: "refused", code: joined };
  await checkState(joined);
  const expected = world.welcomed.secrets.epochAuthenticator;
  if (!byMallory && !equalBytes(joined.secrets.epochAuthenticator, expected)) {
    throw new Finding("a Welcome that nobody sent leads into a group");
  }
  return { result: "taken" };
}

async function forgedWelcome({ prepared, dice, seed }: Run): Promise<Uint8Array | undefined> {
  const { world, donors, allBytes } = prepared;
  const { mallory, welcomed, joiner } = world;
  const honest = encodeTree(welcomed.tree);
  const changedTree = (): Uint8Array =>
    dice.oneIn(3)
      ? mutateBytes(honest, allBytes, dice)
      : (encodeMutant(ratchetTreeCodec, mutateValue(decode(ratchetTreeCodec, honest), donors, dice)) ??
        honest);
  const withTree = (info: UnsignedGroupInfo): UnsignedGroupInfo => ({
    ...info,
    extensions: [{ type: EXTENSION_RATCHET_TREE, data: changedTree() }],
  });
  const changed = dice.below(8);
  try {
    return await forgeWelcome(
      joiner.made.keyPackage,
      {
        // The tree whose hash Mallory vouches for, where such bytes make up one.
        tree: changed > 4 ? decodeTree(changedTree()) : welcomed.tree,
        signer: mallory,
        ...(changed === 0 && { context: (context) => mutateValue(context, donors, dice) }),
        ...(changed === 1 && { groupInfo: (info) => mutateValue(info, donors, dice) }),
        ...(changed === 2 && { groupSecrets: (secrets) => mutateValue(secrets, donors, dice) }),
        ...(changed === 3 && { groupInfo: withTree }),
        ...(changed === 4 && { welcome: (welcome) => mutateValue(welcome, donors, dice) }),
      },
      fuzzDeps(`${seed}/forge`),
    );
  } catch {
    return undefined; // the forger's own tools couldn't say it
  }
}

/** A GroupInfo for somebody outside: changed on the way, or signed by Mallory. */
export async function fuzzGroupInfo(run: Run): Promise<Outcome> {
  const { prepared, dice, seed } = run;
  const { world, donors } = prepared;
  const byMallory = dice.oneIn(2);
  let input = byMallory ? undefined : mutateMessage(run, world.groupInfo);
  if (byMallory) {
    const message = decode(mlsMessageCodec, world.groupInfo);
    if (message.kind !== "groupInfo") throw new Error("the world's GroupInfo is one");
    const { signature: _old, ...unsigned } = message.groupInfo;
    const changed = mutateValue({ ...unsigned, signer: world.malloryLeaf }, donors, dice);
    try {
      const groupInfo = await signGroupInfo(world.mallory.suite, changed, world.mallory.signatureKey);
      input = encodeMutant(mlsMessageCodec, { kind: "groupInfo", groupInfo });
    } catch {
      return { result: "unsaid" };
    }
  }
  if (input === undefined) return { result: "unsaid" };
  run.input = input;
  const deps = fuzzDeps(`${seed}/read`);
  const groupInfo = input;
  const read = await attempt(() => readGroupInfo({ groupInfo, deps }));
  if (typeof read === "string") return { result: "refused", code: read };
  const genuine = await readGroupInfo({ groupInfo: world.groupInfo, deps });
  if (!byMallory && !equalBytes(read.context.treeHash, genuine.context.treeHash)) {
    throw new Finding("a GroupInfo that nobody signed");
  }
  const { who } = world.joiner;
  const joined = await attempt(() =>
    joinByExternalCommit({
      groupInfo,
      credential: who.credential,
      signatureKey: who.signatureKey,
      capabilities: capabilitiesFor(world.suite),
      deps,
    }),
  );
  if (typeof joined === "string") return { result: "refused", code: joined };
  if (joined.next !== undefined) await checkState(joined.next);
  return { result: "taken" };
}

/** A message for an epoch that has ended. */
export async function fuzzLate(run: Run): Promise<Outcome> {
  const { prepared, dice } = run;
  const { world, lateTexts } = prepared;
  const input = mutateMessage(run, dice.pick(world.late).bytes);
  if (input === undefined) return { result: "unsaid" };
  run.input = input;
  const opened = await attempt(() => openLate(world.past, input));
  const genuine = await attempt(() => openLate(world.past, dice.pick(world.late).bytes));
  if (typeof genuine === "string") throw new Finding(`a late message is refused afterwards: ${genuine}`);
  if (typeof opened === "string") return { result: "refused", code: opened };
  if (!lateTexts.has(bytesToHex(opened.data))) throw new Finding("a late message that nobody sent");
  return { result: "taken" };
}

/** A key package: changed on the way, or signed anew with the keys of its owner. */
export async function fuzzKeyPackage(run: Run): Promise<Outcome> {
  const { prepared, dice } = run;
  const { world, keyPackages } = { world: prepared.world, keyPackages: prepared.world.keyPackages };
  const input = dice.oneIn(2) ? await signedKeyPackage(run) : mutateMessage(run, dice.pick(keyPackages));
  if (input === undefined) return { result: "unsaid" };
  run.input = input;
  const checked = await attempt(() => checkKeyPackage(input, { suite: world.suite }));
  if (typeof checked === "string") return { result: "refused", code: checked };
  if (!equalBytes(encode(mlsMessageCodec, { kind: "keyPackage", keyPackage: checked }), input)) {
    throw new Finding("a key package with two spellings");
  }
  if (!(await isSigned(world.bob.suite, checked))) throw new Finding("a key package that nobody signed");
  return { result: "taken" };
}

async function signedKeyPackage({ prepared, dice }: Run): Promise<Uint8Array | undefined> {
  const { world, donors } = prepared;
  const { suite } = world.bob;
  const { who, made } = world.joiner;
  const changed = mutateValue(made.keyPackage, donors, dice);
  try {
    const leafNode = dice.oneIn(4)
      ? changed.leafNode
      : await signLeafNode(suite, changed.leafNode, who.signatureKey.privateKey, {
          groupId: new Uint8Array(),
          leafIndex: 0,
        });
    const keyPackage = await signKeyPackage(suite, { ...changed, leafNode }, who.signatureKey.privateKey);
    return encodeMutant(mlsMessageCodec, { kind: "keyPackage", keyPackage });
  } catch {
    return undefined;
  }
}

/** Both signatures, over what the bytes themselves say (RFC 9420 §5.1.2, §7.2, §10). */
async function isSigned(suite: CipherSuite, keyPackage: KeyPackage): Promise<boolean> {
  const { leafNode, signature } = keyPackage;
  const whole = beforeSignature(encode(keyPackageCodec, keyPackage), signature);
  const leaf = beforeSignature(encode(leafNodeCodec, leafNode), leafNode.signature);
  return (
    (await suite.verifyWithLabel(leafNode.signatureKey, "KeyPackageTBS", whole, signature)) &&
    suite.verifyWithLabel(leafNode.signatureKey, "LeafNodeTBS", leaf, leafNode.signature)
  );
}

/** The signature stands at the end behind its length, and doesn't cover itself. */
function beforeSignature(signed: Uint8Array, signature: Uint8Array): Uint8Array {
  return signed.subarray(0, signed.length - signature.length - (signature.length < 64 ? 1 : 2));
}

function mutateMessage({ prepared, dice }: Run, bytes: Uint8Array): Uint8Array | undefined {
  if (dice.oneIn(2)) return mutateBytes(bytes, prepared.allBytes, dice);
  return encodeMutant(mlsMessageCodec, mutateValue(decode(mlsMessageCodec, bytes), prepared.donors, dice));
}
