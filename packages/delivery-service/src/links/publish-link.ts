import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { WriteOperation } from "../db/access.ts";
import { checkAuthor, type CheckedAuthor, type WriteClaim } from "../groups/check-author.ts";
import { refuseAsStale } from "../groups/tips.ts";
import type { Reader } from "../db/access.ts";
import type { DeliveryLimits } from "../limits.ts";
import { type Accepted, refused, type Refusal } from "../outcome.ts";
import { noteShown } from "../seats/show-token.ts";

/**
 * `link.publish`: the link leads to this group and shows this card. LINK_TAKEN for one that leads to another group or
 * was withdrawn: who still has an old link must not end up with somebody who only claims it. Refuses also with
 * PAYLOAD_TOO_LARGE, LINK_LIMIT, and as {@link checkMember} does.
 */
export function publishLink(
  request: DeliveryRequest<"link.publish">,
  deps: { now: () => number; limits: DeliveryLimits },
): WriteOperation<Accepted<"link.publish">> {
  const linkId = fromHex(request.linkId);
  const { linkCard, linksPerGroup } = deps.limits;
  return async (tx) => {
    if (request.card.length > linkCard) return refused("PAYLOAD_TOO_LARGE", { limit: linkCard });
    const member = await checkMember(tx, request);
    if (!member.ok) return { reply: member, effects: [] };
    const { group, seat, seatId, place } = member;
    const there = await tx.query
      .selectFrom("links")
      .select("group_no")
      .where("link_id", "=", linkId)
      .executeTakeFirst();
    if (there !== undefined && there.group_no !== group.no) return refused("LINK_TAKEN");
    if (there === undefined) {
      const { count } = await tx.query
        .selectFrom("links")
        .select((expression) => expression.fn.countAll<number>().as("count"))
        .where("group_no", "=", group.no)
        .executeTakeFirstOrThrow();
      if (count >= linksPerGroup) return refused("LINK_LIMIT", { limit: linksPerGroup });
    }
    await tx.change
      .insertInto("links")
      .values({ link_id: linkId, group_no: group.no, card: request.card })
      .onConflict((conflict) => conflict.column("link_id").doUpdateSet({ card: request.card }))
      .execute();
    const shown = { groupNo: group.no, seatId, seatToken: request.seatToken, seat, place };
    return { reply: { ok: true }, effects: await noteShown(tx, shown, deps.now()) };
  };
}

/**
 * Links are the present members' to give and to take back: the token is that of a tip. Refuses with GROUP_UNKNOWN,
 * SEAT_REFUSED, SEAT_DROPPED, EPOCH_TOKEN_REFUSED or EPOCH_STALE.
 */
export async function checkMember(reader: Reader, claim: WriteClaim): Promise<CheckedAuthor | Refusal> {
  const member = await checkAuthor(reader, claim);
  if (!member.ok || member.place.is_tip === 1) return member;
  return refuseAsStale(reader, member.group.no, claim.branch);
}
