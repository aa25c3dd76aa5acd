import type { Seq } from "@thicket/protocol";

/** So many of a group's lowest cursors are fetched. */
export const LOWEST_KEPT = 16;

/**
 * The lowest cursors of a group, kept right while cursors grow, for as long as some of them are below those that
 * weren't fetched.
 */
export function createLowestCursors(fetched: readonly (readonly [seatId: string, cursor: Seq])[]) {
  const cursors = new Map(fetched);
  /** Every seat whose cursor is below it is known; undefined where all seats are. */
  const bound = fetched.length < LOWEST_KEPT ? undefined : fetched.at(-1)?.[1];

  return {
    set(seatId: string, cursor: Seq): void {
      if (bound === undefined || cursor <= bound) cursors.set(seatId, cursor);
      else cursors.delete(seatId);
    },
    /** Undefined where it isn't known any more, or there is none. */
    lowest(): Seq | undefined {
      let lowest: Seq | undefined;
      for (const cursor of cursors.values()) if (lowest === undefined || cursor < lowest) lowest = cursor;
      return lowest;
    },
  };
}

export type LowestCursors = ReturnType<typeof createLowestCursors>;
