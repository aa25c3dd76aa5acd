import type { SeatId } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import { storedSeatId } from "../db/own-ids.ts";
import type { EpochRow, GroupRow } from "../db/statements.ts";
import type { Appended } from "../outcome.ts";
import { readsAt } from "../seats/names-of-seat.ts";
import { readSeatsAt } from "./begin-epoch.ts";
import { isOnlyTip } from "./tips.ts";

const FEW = 8;

/** Who hears of an entry otherwise than by listening to the group. */
export type Audience = Omit<Appended, "groupId" | "entries">;

/**
 * For an entry of this epoch, before it changes anything. On the group's only tip it is for everybody who listens, which
 * costs nothing to say; elsewhere it costs as much as seats have changed since, or differ between the tips.
 */
export async function readAudience(tx: Transaction, group: GroupRow, place: EpochRow): Promise<Audience> {
  if (isOnlyTip(group, place)) return { hiddenFrom: [], alsoTo: [], unseated: [], seated: [] };
  // Who isn't held by all tips, or was added after this epoch. Anybody else was there then as now.
  const differing = await tx.query
    .selectFrom("seats")
    .select(["seat_id", "origin"])
    .where("group_no", "=", group.no)
    .where("tips", ">", 0)
    .where("tips", "<", group.tips)
    .orderBy("seat_id")
    .execute();
  const since = await tx.query
    .selectFrom("seat_changes")
    .innerJoin("seats", (join) =>
      join
        .onRef("seats.group_no", "=", "seat_changes.group_no")
        .onRef("seats.seat_id", "=", "seat_changes.seat_id"),
    )
    .select(["seats.seat_id", "seats.origin"])
    .where("seat_changes.group_no", "=", group.no)
    .where("seat_changes.branch", ">", place.branch)
    .where("seat_changes.holds", "=", 1)
    .where("seats.tips", ">", 0)
    .orderBy("seat_changes.branch")
    .orderBy("seat_changes.seat_id")
    .execute();
  const unseated =
    place.is_tip === 1
      ? []
      : await tx.query
          .selectFrom("seats")
          .select(["seat_id", "origin"])
          .where("group_no", "=", group.no)
          .where("tips", "=", 0)
          .where("dropped", "=", 0)
          .orderBy("seat_id")
          .execute();

  const count = differing.length + since.length + unseated.length;
  // All seats of the epoch at once, where asking for each would take longer.
  const held = count > FEW ? new Set((await readSeatsAt(tx, group.no, place)).map(storedSeatId)) : undefined;
  const reads = async (row: { seat_id: Uint8Array; origin: Uint8Array | null }) => {
    if (held?.has(storedSeatId(row.seat_id)) === true) return true;
    if (held !== undefined && row.origin === null) return false;
    return readsAt(tx, group.no, { seatId: row.seat_id, origin: row.origin }, place);
  };
  const hiddenFrom = new Set<SeatId>();
  for (const row of [...differing, ...since]) {
    if (!(await reads(row))) hiddenFrom.add(storedSeatId(row.seat_id));
  }
  const alsoTo: SeatId[] = [];
  for (const row of unseated) if (await reads(row)) alsoTo.push(storedSeatId(row.seat_id));
  return { hiddenFrom: [...hiddenFrom], alsoTo, unseated: [], seated: [] };
}
