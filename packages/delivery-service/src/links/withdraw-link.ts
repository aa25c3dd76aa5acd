import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { WriteOperation } from "../db/access.ts";
import { type Accepted, refused } from "../outcome.ts";
import { noteShown } from "../seats/show-token.ts";
import { checkMember } from "./publish-link.ts";

/**
 * `link.withdraw`: the link leads nowhere any more, for good. One that isn't this group's is LINK_UNKNOWN. Refuses also
 * as {@link checkMember} does.
 */
export function withdrawLink(
  request: DeliveryRequest<"link.withdraw">,
  deps: { now: () => number },
): WriteOperation<Accepted<"link.withdraw">> {
  return async (tx) => {
    const member = await checkMember(tx, request);
    if (!member.ok) return { reply: member, effects: [] };
    const { group, seat, seatId, place } = member;
    const withdrawn = await tx.change
      .updateTable("links")
      .set({ group_no: null, card: null })
      .where("link_id", "=", fromHex(request.linkId))
      .where("group_no", "=", group.no)
      .returning("link_id")
      .execute();
    if (withdrawn.length === 0) return refused("LINK_UNKNOWN");
    const shown = { groupNo: group.no, seatId, seatToken: request.seatToken, seat, place };
    return { reply: { ok: true }, effects: await noteShown(tx, shown, deps.now()) };
  };
}
