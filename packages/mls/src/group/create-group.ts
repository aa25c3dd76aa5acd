import { loadCipherSuite, type SignatureKeyPair } from "../crypto/cipher-suite.ts";
import type { Credential } from "../credential.ts";
import type { Extension } from "../extension.ts";
import { type Capabilities, type Lifetime, signLeafNode } from "../leaf-node.ts";
import { secretsOfEpoch } from "../schedule/key-schedule.ts";
import { confirmationTag, interimTranscriptHash } from "../schedule/transcript.ts";
import { checkOwnCapabilities } from "../own-capabilities.ts";
import { leafSlot } from "../tree/ratchet-tree.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { authenticateExternalSenders, authenticateLeaf, type EngineDeps } from "./authentication.ts";
import { type GroupState, startEpoch } from "./group-state.ts";
import { checkGroupSupport, checkLeaf } from "./leaf-rules.ts";

export interface CreateGroupOptions {
  /** Number of the cipher suite. */
  readonly suite: number;
  readonly groupId: Uint8Array;
  readonly credential: Credential;
  readonly signatureKey: SignatureKeyPair;
  readonly capabilities: Capabilities;
  readonly lifetime: Lifetime;
  readonly leafExtensions?: readonly Extension[];
  readonly contextExtensions?: readonly Extension[];
  readonly deps: EngineDeps;
}

/**
 * A group of one, in epoch 0 (RFC 9420 §11). The creator's own leaf keeps the rules that it would demand of others:
 * throws LEAF_NODE_INVALID, LIFETIME_INVALID, CERTIFICATE_INVALID, CREDENTIAL_INVALID, CAPABILITY_MISSING,
 * EXTENSION_DUPLICATE, SUITE_UNSUPPORTED.
 */
export async function createGroup(options: CreateGroupOptions): Promise<GroupState> {
  const { credential, signatureKey, deps, groupId } = options;
  checkOwnCapabilities(options.capabilities);
  const suite = await loadCipherSuite(options.suite);
  const encryption = await suite.deriveKeyPair(deps.random.bytes(suite.hashLength));
  const leafNode = await signLeafNode(
    suite,
    {
      encryptionKey: encryption.publicKey,
      signatureKey: signatureKey.publicKey,
      credential,
      capabilities: options.capabilities,
      source: { kind: "keyPackage", lifetime: options.lifetime },
      extensions: options.leafExtensions ?? [],
    },
    signatureKey.privateKey,
  );
  const tree = leafSlot(0, leafNode);
  const extensions = options.contextExtensions ?? [];
  await checkLeaf(suite, leafNode, { groupId, leafIndex: 0 }, "keyPackage");
  checkGroupSupport(tree, extensions);
  await authenticateLeaf(deps, leafNode, suite.id, extensions);
  await authenticateExternalSenders(deps, suite.id, extensions);

  const confirmedTranscriptHash = new Uint8Array();
  const secrets = secretsOfEpoch(suite, deps.random.bytes(suite.hashLength));
  return startEpoch({
    suite,
    context: {
      cipherSuite: suite.id,
      groupId,
      epoch: 0n,
      treeHash: treeHash(suite, tree),
      confirmedTranscriptHash,
      extensions,
    },
    tree,
    interimTranscriptHash: interimTranscriptHash(
      suite,
      confirmedTranscriptHash,
      confirmationTag(suite, secrets.confirmationKey, confirmedTranscriptHash),
    ),
    ownLeaf: 0,
    needsPath: false,
    reinit: undefined,
    signatureKey: signatureKey.privateKey,
    privateKeys: new Map([[0, encryption.privateKey]]),
    secrets,
  });
}
