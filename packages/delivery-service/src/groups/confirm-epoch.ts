import type { DeliveryRequest } from "@thicket/protocol";
import type { WriteOperation } from "../db/access.ts";
import type { Accepted } from "../outcome.ts";
import { noteShown } from "../seats/show-token.ts";
import { checkAuthor } from "./check-author.ts";

/**
 * `group.confirm`: the seat has taken the commit that began this epoch, so the Welcomes of that commit needn't wait any
 * longer. Refuses with GROUP_UNKNOWN, SEAT_REFUSED, SEAT_DROPPED, EPOCH_TOKEN_REFUSED or EPOCH_STALE.
 */
export function confirmEpoch(
  request: DeliveryRequest<"group.confirm">,
  deps: { now: () => number },
): WriteOperation<Accepted<"group.confirm">> {
  return async (tx) => {
    const author = await checkAuthor(tx, request);
    if (!author.ok) return { reply: author, effects: [] };
    const { group, seat, seatId, place } = author;
    const shown = { groupNo: group.no, seatId, seatToken: request.seatToken, seat, place };
    return { reply: { ok: true }, effects: await noteShown(tx, shown, deps.now()) };
  };
}
