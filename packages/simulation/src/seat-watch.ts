import type { Entry, GroupId, SeatId } from "@thicket/protocol";

/**
 * Watches what the relay hands to whom: a seat reads the entries of the epochs that hold it and the commit that
 * ends the last of them, nothing before and nothing after (`delivery.md`, Words).
 */
export interface SeatWatch {
  created(groupId: GroupId, seatId: SeatId): void;
  appended(groupId: GroupId, entry: Entry): void;
  handed(who: string, groupId: GroupId, seatId: SeatId, entry: Entry): void;
  /** The first entry that went to a seat that may not read it. */
  overread(): string | undefined;
}

interface Place {
  /** Branches of the first and the last epoch that hold the seat. */
  first: number;
  last: number;
}

export function createSeatWatch(): SeatWatch {
  const places = new Map<string, Place>();
  let found: string | undefined;
  const keyOf = (groupId: GroupId, seatId: SeatId) => `${groupId} ${seatId}`;
  return {
    created: (groupId, seatId) => places.set(keyOf(groupId, seatId), { first: 0, last: Infinity }),
    appended(groupId, entry) {
      for (const seatId of entry.commit?.seatsAdded ?? [])
        places.set(keyOf(groupId, seatId), { first: entry.seq, last: Infinity });
      for (const seatId of entry.commit?.seatsRemoved ?? []) {
        const place = places.get(keyOf(groupId, seatId));
        if (place) place.last = entry.branch;
      }
    },
    handed(who, groupId, seatId, entry) {
      const place = places.get(keyOf(groupId, seatId));
      if (place && place.first <= entry.branch && entry.branch <= place.last) return;
      found ??= `${who} was handed entry ${entry.seq} (epoch ${entry.epoch}) of ${groupId.slice(0, 8)} beyond its seat`;
    },
    overread: () => found,
  };
}
