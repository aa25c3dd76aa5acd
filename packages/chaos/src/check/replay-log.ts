import type { SeenEntry } from "../history.ts";

/** One epoch of a group as the log says it: who belongs, and which commits ended it. */
export interface Place {
  readonly epoch: number;
  readonly branch: number;
  readonly parent: Place | undefined;
  readonly seats: ReadonlySet<string>;
  /** Whether the commit that began it took a seat away. */
  readonly removes: boolean;
  readonly candidates: Place[];
}

export interface Replay {
  readonly places: ReadonlyMap<number, Place>;
  /** For each seat the commits after which no tip had it any more. */
  readonly unseatedAt: ReadonlyMap<string, readonly number[]>;
  /** Seats that were added more than once. */
  readonly returned: ReadonlySet<string>;
}

/** An application entry is taken for this many epochs before a tip (`delivery.md`). */
const LATE_EPOCHS = 2;

type Breach = (
  rule: "place-known" | "candidates-in-order" | "one-commit" | "seats-by-branch" | "tip-or-late",
  entry: SeenEntry,
  detail: string,
) => void;

/**
 * Carries a group's log out again by the rules alone, from its founder's seat on, and says where an entry stands that
 * they don't allow. `supersedes`: what the author of a commit named, undefined for nothing.
 */
export function replayLog(
  founder: string,
  entries: readonly SeenEntry[],
  supersedes: (entry: SeenEntry) => number | undefined,
  breach: Breach,
): Replay {
  const first: Place = {
    epoch: 0,
    branch: 0,
    parent: undefined,
    seats: new Set([founder]),
    removes: false,
    candidates: [],
  };
  const places = new Map<number, Place>([[0, first]]);
  const tips = new Set<Place>([first]);
  const unseatedAt = new Map<string, number[]>();
  const added = new Set([founder]);
  const returned = new Set<string>();

  for (const entry of entries) {
    const place = places.get(entry.branch);
    if (place === undefined || place.epoch !== entry.epoch || entry.branch >= entry.seq) {
      breach("place-known", entry, `nothing began epoch ${entry.epoch}, branch ${entry.branch}`);
      continue;
    }
    if (entry.kind === "application" || entry.kind === "proposal") {
      const late = entry.kind === "application" ? LATE_EPOCHS : 0;
      if (!reachesTip(place, late)) breach("tip-or-late", entry, `a ${entry.kind} on an epoch that is over`);
      continue;
    }
    // A note is taken for any epoch that is kept.
    if (entry.kind !== "commit") continue;
    checkCandidate(place, entry, supersedes(entry), breach);
    const seats = new Set(place.seats);
    const { seatsAdded = [], seatsRemoved = [] } = entry.commit ?? {};
    for (const seat of seatsAdded) {
      if (seats.has(seat)) breach("seats-by-branch", entry, "adds a seat that the branch has");
      seats.add(seat);
      if (added.has(seat)) returned.add(seat);
      added.add(seat);
    }
    for (const seat of seatsRemoved) {
      if (!seats.delete(seat)) breach("seats-by-branch", entry, "removes a seat that the branch hasn't");
    }
    const next: Place = {
      epoch: place.epoch + 1,
      branch: entry.seq,
      parent: place,
      seats,
      removes: seatsRemoved.length > 0,
      candidates: [],
    };
    place.candidates.push(next);
    places.set(entry.seq, next);
    tips.delete(place);
    tips.add(next);
    for (const seat of seatsRemoved) {
      if ([...tips].some((tip) => tip.seats.has(seat))) continue;
      unseatedAt.set(seat, [...(unseatedAt.get(seat) ?? []), entry.seq]);
    }
  }
  return { places, unseatedAt, returned };
}

function checkCandidate(place: Place, entry: SeenEntry, supersedes: number | undefined, breach: Breach) {
  const last = place.candidates.at(-1);
  if (last === undefined) {
    if (supersedes !== undefined)
      breach("candidates-in-order", entry, "supersedes a commit that isn't there");
  } else if (supersedes === undefined) {
    breach("one-commit", entry, `a second commit on epoch ${place.epoch}, branch ${place.branch}`);
  } else if (supersedes !== last.branch) {
    breach(
      "candidates-in-order",
      entry,
      `supersedes ${supersedes}, while the last candidate is ${last.branch}`,
    );
  }
}

/** Whether a tip is at most `epochs` commits further, none of which takes a seat away. */
function reachesTip(place: Place, epochs: number): boolean {
  if (place.candidates.length === 0) return true;
  return epochs > 0 && place.candidates.some((next) => !next.removes && reachesTip(next, epochs - 1));
}
