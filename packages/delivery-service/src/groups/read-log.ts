import { type DeliveryRequest, LIMITS } from "@thicket/protocol";
import type { ReadOperation } from "../db/access.ts";
import { checkSeat } from "../seats/check-seat.ts";
import { readHead, readSpans, readVisible } from "./visible-entries.ts";
import type { Accepted } from "../outcome.ts";

/**
 * `group.read`: the next page of what the seat may read. `headSeq` is the last seq that it may read, so a page that
 * ends there is the last; a page may be short of `limit` where its entries are large.
 * Refuses with GROUP_UNKNOWN or SEAT_REFUSED.
 */
export function readLog(request: DeliveryRequest<"group.read">): ReadOperation<Accepted<"group.read">> {
  return async (reader) => {
    const seat = await checkSeat(reader, request);
    if (!seat.ok) return seat;
    const spans = await readSpans(reader, seat.group.no, seat.seatId);
    const entries = await readVisible(reader, seat.group.no, spans, {
      after: request.after,
      limit: request.limit,
      maxBytes: LIMITS.commitBundle,
    });
    return { ok: true, entries, headSeq: await readHead(reader, seat.group.no, spans) };
  };
}
