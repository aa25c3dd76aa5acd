import { encode } from "../codec/codec.ts";
import type { CipherSuite, Random, SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { EXTENSION_RATCHET_TREE, type Extension, findExtension } from "../extension.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { keyPackageRef } from "../key-package.ts";
import type { PreSharedKeyId } from "../proposal.ts";
import { deriveWelcomeKey, deriveWelcomeSecret } from "../schedule/key-schedule.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { encodeTree } from "../tree/tree-extension.ts";
import { commonAncestor } from "../tree/tree-math.ts";
import { groupInfoCodec, groupSecretsCodec, signGroupInfo } from "../welcome.ts";
import type { AppliedProposals } from "./apply-proposals.ts";
import type { NextEpoch } from "./next-epoch.ts";

/**
 * The extensions of a Welcome's GroupInfo, asked with the tree of the new epoch as the data of a `ratchet_tree` extension
 * (RFC 9420 §12.4.3.3). What doesn't hold that has to lead those who join to the tree in another way: `ratchetTree` of
 * JoinGroupOptions.
 */
export type GroupInfoExtensions = (ratchetTree: Uint8Array) => Promise<readonly Extension[]>;

/** What they are for this tree. Throws RangeError for another tree than it: nobody could join with that. */
export async function extensionsFor(
  tree: RatchetTree,
  wanted: GroupInfoExtensions | undefined,
): Promise<readonly Extension[]> {
  const data = encodeTree(tree);
  if (wanted === undefined) return [{ type: EXTENSION_RATCHET_TREE, data }];
  const extensions = await wanted(data);
  const inside = findExtension(extensions, EXTENSION_RATCHET_TREE);
  if (inside !== undefined && !equalBytes(inside, data))
    throw new RangeError("another tree than the epoch's");
  return extensions;
}

export interface WelcomeParts {
  readonly suite: CipherSuite;
  readonly next: NextEpoch;
  readonly signer: number;
  readonly signatureKey: SignaturePrivateKey;
  readonly added: AppliedProposals["added"];
  readonly pathSecrets: ReadonlyMap<number, Uint8Array>;
  readonly pskSecret: Uint8Array;
  readonly psks: readonly PreSharedKeyId[];
  readonly extensions: readonly Extension[];
  readonly random: Random;
}

/** One Welcome for all who were added (RFC 9420 §12.4.3.1); undefined for nobody. */
export async function createWelcome(parts: WelcomeParts): Promise<Uint8Array | undefined> {
  const { suite, next, added, signer, extensions } = parts;
  if (added.length === 0) return undefined;
  const groupInfo = await signGroupInfo(
    suite,
    {
      groupContext: next.context,
      extensions,
      confirmationTag: next.confirmationTag,
      signer,
    },
    parts.signatureKey,
  );
  const { key, nonce } = deriveWelcomeKey(
    suite,
    deriveWelcomeSecret(suite, next.joinerSecret, parts.pskSecret),
  );
  const encryptedGroupInfo = await suite.seal(
    key,
    nonce,
    new Uint8Array(),
    encode(groupInfoCodec, groupInfo),
  );
  const secrets = await Promise.all(
    added.map(async ({ leaf, keyPackage }) => {
      const groupSecrets = encode(groupSecretsCodec, {
        joinerSecret: next.joinerSecret,
        pathSecret: parts.pathSecrets.get(commonAncestor(2 * signer, 2 * leaf)),
        psks: parts.psks,
      });
      return {
        newMember: keyPackageRef(suite, keyPackage),
        encryptedGroupSecrets: await suite.encryptWithLabel(
          keyPackage.initKey,
          "Welcome",
          encryptedGroupInfo,
          groupSecrets,
          parts.random,
        ),
      };
    }),
  );
  const welcome = { cipherSuite: suite.id, secrets, encryptedGroupInfo };
  return encode(mlsMessageCodec, { kind: "welcome", welcome });
}
