import { type DeliveryRequest, LIMITS } from "@thicket/protocol";
import type { ReadOperation } from "../db/access.ts";
import type { DeliveryLimits } from "../limits.ts";
import type { Accepted } from "../outcome.ts";
import { checkSeat } from "../seats/check-seat.ts";
import { readHead, readSpans, readVisible } from "./visible-entries.ts";

/**
 * `group.read`: the next page of what the seat may read. `headSeq` is the last seq that it may read, so a page that
 * ends there is the last; a page may be short of `limit` where its entries are large. What was before `lowestSeq` isn't
 * kept any more. Refuses with GROUP_UNKNOWN, SEAT_REFUSED or SEAT_DROPPED.
 */
export function readLog(
  request: DeliveryRequest<"group.read">,
  deps: { limits: DeliveryLimits },
): ReadOperation<Accepted<"group.read">> {
  return async (reader) => {
    const checked = await checkSeat(reader, request);
    if (!checked.ok) return checked;
    const { group, seatId, seat } = checked;
    const spans = await readSpans(reader, group, { seatId, origin: seat.origin });
    const headSeq = await readHead(reader, group, spans);
    const entries = await readVisible(reader, group, spans, {
      after: request.after,
      upTo: headSeq,
      limit: Math.min(request.limit, deps.limits.logPage),
      maxBytes: LIMITS.commitBundle,
    });
    return { ok: true, entries, headSeq, lowestSeq: group.lowest_seq };
  };
}
