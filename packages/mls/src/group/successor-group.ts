import type { SignatureKeyPair } from "../crypto/cipher-suite.ts";
import type { Credential } from "../credential.ts";
import { MlsError } from "../errors.ts";
import type { Extension } from "../extension.ts";
import type { KeyPackage } from "../key-package.ts";
import type { Capabilities, Lifetime } from "../leaf-node.ts";
import { MLS10 } from "../version.ts";
import type { EngineDeps } from "./authentication.ts";
import { createGroup } from "./create-group.ts";
import type { GroupState } from "./group-state.ts";
import { type Predecessor, predecessorOf } from "./predecessor.ts";
import { refuseClosed } from "./reinit.ts";
import { stageFirstCommit } from "./stage-commit.ts";
import { mergeCommit } from "./staged-commit.ts";
import { checkSuccessor, type Succession } from "./successor-rules.ts";

/** Who founds a group that follows another one, and who joins it. */
export interface SuccessorOptions {
  /** Fresh key packages of the other members, for the new group's cipher suite. */
  readonly keyPackages: readonly KeyPackage[];
  /** The founder's own leaf in the new group. */
  readonly credential: Credential;
  readonly signatureKey: SignatureKeyPair;
  readonly capabilities: Capabilities;
  readonly lifetime: Lifetime;
  readonly leafExtensions?: readonly Extension[];
  readonly deps: EngineDeps;
}

export interface FoundedSuccessor {
  /** The new group, in epoch 1. */
  readonly state: GroupState;
  /** For all other members, as an encoded MLSMessage; undefined for a group of one. */
  readonly welcome: Uint8Array | undefined;
}

/**
 * Founds the group that a ReInit announced (RFC 9420 §11.2), from the closed state that the commit with the ReInit
 * led to: any member can, and the delivery service decides which one's Welcome counts. `keyPackages` must be of all
 * other members, and of nobody else. Throws SUCCESSOR_INVALID, VERSION_UNSUPPORTED, and what
 * createGroup and stageCommit throw.
 */
export async function reinitGroup(old: GroupState, options: SuccessorOptions): Promise<FoundedSuccessor> {
  const { reinit } = old;
  if (reinit === undefined) {
    throw new MlsError("SUCCESSOR_INVALID", "the group wasn't reinitialized", { section: "§11.2" });
  }
  if (reinit.version !== MLS10) {
    throw new MlsError("VERSION_UNSUPPORTED", `the ReInit is to version ${reinit.version}`, {
      section: "§11.2",
    });
  }
  return found("reinit", predecessorOf(old), { ...options, ...reinit, suite: reinit.cipherSuite });
}

/**
 * Founds a group of some of this group's members (RFC 9420 §11.3), bound to this epoch, with the same cipher suite
 * and, unless told otherwise, the same context extensions. Throws SUCCESSOR_INVALID, GROUP_CLOSED, and what
 * createGroup and stageCommit throw.
 */
export async function branchGroup(
  old: GroupState,
  options: SuccessorOptions & {
    readonly groupId: Uint8Array;
    readonly contextExtensions?: readonly Extension[];
  },
): Promise<FoundedSuccessor> {
  refuseClosed(old);
  const extensions = options.contextExtensions ?? old.context.extensions;
  return found("branch", predecessorOf(old), { ...options, extensions, suite: old.suite.id });
}

interface Founding extends SuccessorOptions {
  readonly suite: number;
  readonly groupId: Uint8Array;
  readonly extensions: readonly Extension[];
}

async function found(
  succession: Succession,
  old: Predecessor,
  founding: Founding,
): Promise<FoundedSuccessor> {
  const { keyPackages, extensions, ...own } = founding;
  const { deps } = founding;
  const alone = await createGroup({ ...own, contextExtensions: extensions });
  const { staged } = await stageFirstCommit(alone, keyPackages, { succession, old }, deps);
  const state = mergeCommit(staged);
  const credentials = [founding.credential, ...keyPackages.map(({ leafNode }) => leafNode.credential)];
  checkSuccessor(succession, old, state.context, credentials, deps.authentication);
  return { state, welcome: staged.welcome };
}
