import type { DeliveryRequest } from "@thicket/protocol";
import type { WriteOperation } from "../db/access.ts";
import { type Accepted, refused } from "../outcome.ts";
import { namesOfSeat } from "../seats/names-of-seat.ts";
import { checkSeat } from "../seats/check-seat.ts";
import { refreshAcked } from "./acked.ts";

/**
 * `cursor.ack`: the seat has everything up to `seq`, durably. Cursors never go back.
 * Refuses with GROUP_UNKNOWN, SEAT_REFUSED, SEAT_DROPPED, or MALFORMED_REQUEST for a seq beyond the log.
 */
export function acknowledge(request: DeliveryRequest<"cursor.ack">): WriteOperation<Accepted<"cursor.ack">> {
  return async (tx) => {
    const checked = await checkSeat(tx, request);
    if (!checked.ok) return { reply: checked, effects: [] };
    const { group, seat, seatId } = checked;
    if (request.seq > group.head_seq) return refused("MALFORMED_REQUEST");
    if (request.seq > seat.cursor) {
      for (const name of await namesOfSeat(tx, group.no, { seatId, origin: seat.origin })) {
        const named = name === seatId ? seat : await tx.hot.seat(group.no, name);
        if (named !== undefined && named.cursor < request.seq) {
          await tx.hot.setCursor(group.no, name, request.seq);
        }
      }
    }
    const { ackedSeq, effects } = await refreshAcked(tx, request.groupId, group);
    return { reply: { ok: true, ackedSeq }, effects };
  };
}
