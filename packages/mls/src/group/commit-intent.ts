import type { SignatureKeyPair } from "../crypto/cipher-suite.ts";
import type { Credential } from "../credential.ts";
import type { Extension } from "../extension.ts";
import type { GroupWireFormat } from "../framing/message.ts";
import type { KeyPackage } from "../key-package.ts";
import type { Capabilities } from "../leaf-node.ts";
import type { ReInit } from "../proposal.ts";
import type { GroupInfoExtensions } from "./create-welcome.ts";
import type { PskReference } from "./pre-shared-keys.ts";

/** What a member wants of a commit. */
export interface CommitIntent {
  /** Who joins. Their credentials are put to the application, their lifetimes held to those of the deps (§7.3). */
  readonly add?: readonly KeyPackage[];
  /** Leaf indexes. */
  readonly remove?: readonly number[];
  /** The new list of GroupContext extensions, in place of the whole old one. */
  readonly contextExtensions?: readonly Extension[];
  /** Pending proposals to take along, by their references; "all" (the default) takes every valid one. */
  readonly proposals?: "all" | readonly Uint8Array[];
  /** Pre-shared keys to inject, in this order. */
  readonly psks?: readonly PskReference[];
  /** Closes the group for a new one with these parameters, which then has to be founded by reinitGroup (§11.2). */
  readonly reinit?: Omit<ReInit, "version">;
  /**
   * "whenRequired" leaves out the path where RFC 9420 §12.4 allows it: a smaller commit that heals nothing, neither
   * for this member nor for others. A member that needed help with the last path sends one all the same.
   */
  readonly path?: "always" | "whenRequired";
  /** What changes in the own leaf besides its encryption key. */
  readonly leaf?: LeafChanges;
  readonly authenticatedData?: Uint8Array;
  /**
   * What the Welcome's GroupInfo carries; the tree and nothing else unless said otherwise. What it throws ends the call,
   * and no key is used up.
   */
  readonly groupInfoExtensions?: GroupInfoExtensions;
  /** How the commit goes out; "privateMessage" unless said otherwise (RFC 9420 §6.2). */
  readonly wireFormat?: GroupWireFormat;
}

export interface LeafChanges {
  readonly extensions?: readonly Extension[];
  readonly capabilities?: Capabilities;
  readonly credential?: Credential;
  readonly signatureKey?: SignatureKeyPair;
}
