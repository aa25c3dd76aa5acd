import type { FramedContent } from "../framing/message.ts";
import { applyProposals } from "./apply-proposals.ts";
import type { EngineDeps } from "./authentication.ts";
import { allowExternalProposal } from "./external-policy.ts";
import { externalSenderOf } from "./external-sender.ts";
import type { GroupState } from "./group-state.ts";

/**
 * Whether a proposal from outside, whose signature is verified, is kept for a commit (RFC 9420 §12.1.8). A member's
 * proposal is judged with the commit that takes it; anybody can send these, so that they are judged before.
 */
export async function admitExternalProposal(
  state: GroupState,
  { sender, content, authenticatedData }: FramedContent,
  deps: EngineDeps,
): Promise<void> {
  if (content.kind !== "proposal") throw new RangeError("not a proposal");
  const { proposal } = content;
  await applyProposals(state, [{ proposal, sender, byReference: true }], undefined, deps);
  const externalSender = sender.kind === "external" ? externalSenderOf(state.context, sender) : undefined;
  await allowExternalProposal(deps, { externalSender, proposal, context: state.context, authenticatedData });
}
