import { MlsError } from "../errors.ts";
import type { ExternalSender } from "../extension.ts";
import type { GroupContext } from "../group-context.ts";
import type { LeafNode } from "../leaf-node.ts";
import type { PreSharedKeyId, Proposal } from "../proposal.ts";
import type { Member } from "../tree/ratchet-tree.ts";

/**
 * The application's say in what comes from outside the group. What it leaves out, or doesn't answer with true, is
 * refused. All members must come to the same answer for a commit, or the group falls apart: it should depend on the
 * question alone.
 */
export interface ExternalPolicy {
  /** Whether this joiner may enter the group by a commit of its own, and take out what the commit takes out. */
  allowCommit?(question: ExternalCommitQuestion): Promise<boolean>;
  /** Whether a proposal from outside is kept, so that a commit may take it along. */
  allowProposal?(question: ExternalProposalQuestion): Promise<boolean>;
}

/** An external commit that keeps all rules that can be judged without the epoch's secrets (RFC 9420 §12.4.3.2). */
export interface ExternalCommitQuestion {
  /** The leaf that the joiner takes. */
  readonly leaf: number;
  /** Its credential was put to the AuthenticationPolicy. */
  readonly joiner: LeafNode;
  /** The one member that the commit removes: by isSuccessor, the joiner itself as it was before. */
  readonly removed: Member | undefined;
  /** Pre-shared keys that the joiner injects, and so must know. */
  readonly psks: readonly PreSharedKeyId[];
  readonly context: GroupContext;
  readonly authenticatedData: Uint8Array;
}

/** A proposal from outside that is valid by itself and signed by who it says (RFC 9420 §12.1.8). */
export interface ExternalProposalQuestion {
  /** The entry of the external_senders extension; undefined where somebody proposes to be added. */
  readonly externalSender: ExternalSender | undefined;
  readonly proposal: Proposal;
  readonly context: GroupContext;
  readonly authenticatedData: Uint8Array;
}

/** Throws EXTERNAL_COMMIT_REFUSED, also where the application doesn't say. */
export async function allowExternalCommit(
  { external }: WithPolicy,
  question: ExternalCommitQuestion,
): Promise<void> {
  if ((await external?.allowCommit?.(question)) !== true) {
    throw new MlsError("EXTERNAL_COMMIT_REFUSED", "the application refused an external commit", {
      section: "§12.4.3.2",
    });
  }
}

/** Throws EXTERNAL_PROPOSAL_REFUSED, also where the application doesn't say. */
export async function allowExternalProposal(
  { external }: WithPolicy,
  question: ExternalProposalQuestion,
): Promise<void> {
  if ((await external?.allowProposal?.(question)) !== true) {
    throw new MlsError("EXTERNAL_PROPOSAL_REFUSED", "the application refused a proposal from outside", {
      section: "§12.1.8",
    });
  }
}

/** The same refusals, before any work is spent, where no answer could be yes. */
export function checkOutsidersAllowed({ external }: WithPolicy, content: "commit" | "proposal"): void {
  if (content === "commit" && external?.allowCommit === undefined) {
    throw new MlsError("EXTERNAL_COMMIT_REFUSED", "no external commits are taken here", {
      section: "§12.4.3.2",
    });
  }
  if (content === "proposal" && external?.allowProposal === undefined) {
    throw new MlsError("EXTERNAL_PROPOSAL_REFUSED", "no proposals from outside are taken here", {
      section: "§12.1.8",
    });
  }
}

interface WithPolicy {
  readonly external?: ExternalPolicy;
}
