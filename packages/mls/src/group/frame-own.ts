import { encode } from "../codec/codec.ts";
import type { Random } from "../crypto/cipher-suite.ts";
import { type AuthenticatedContent, mlsMessageCodec } from "../framing/message.ts";
import { protectPrivate } from "../framing/private-message.ts";
import { protectPublic } from "../framing/public-message.ts";
import type { GroupState } from "./group-state.ts";

/** An own message as it goes out, and the state in which the key that it took is used up. */
export interface FramedMessage {
  readonly state: GroupState;
  /** The encoded MLSMessage. */
  readonly message: Uint8Array;
  /** Of the own ratchet; 0 for a PublicMessage, which takes no key. */
  readonly generation: number;
}

/**
 * A member's signed content in the wire format that it is signed for (RFC 9420 §6.2, §6.3). A private message is noted as
 * sent under `id`, its seenId. Throws REPLAYED if it was before.
 */
export async function frameOwn(
  state: GroupState,
  authenticated: AuthenticatedContent,
  random: Random,
  id?: string,
): Promise<FramedMessage> {
  const { suite, context, encodedContext, secrets } = state;
  if (authenticated.wireFormat === "publicMessage") {
    const publicMessage = protectPublic(suite, authenticated, {
      groupId: context.groupId,
      epoch: context.epoch,
      groupContext: encodedContext,
      membershipKey: secrets.membershipKey,
    });
    const message = encode(mlsMessageCodec, { kind: "publicMessage", publicMessage });
    return { state, message, generation: 0 };
  }
  const keys = { senderDataSecret: secrets.senderDataSecret, secretTree: state.secretTree };
  const { message, secretTree, generation } = await protectPrivate(suite, authenticated, keys, random, id);
  return { state: { ...state, secretTree }, message, generation };
}
