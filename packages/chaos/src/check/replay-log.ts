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
  /** For each seat the commits after which some tip had it again, and those after which none had it any more. */
  readonly seating: ReadonlyMap<string, readonly Seating[]>;
  /** Seats that were added more than once. */
  readonly returned: ReadonlySet<string>;
  /** Where a seat was replaced: for each of its names the first one. */
  readonly origins: ReadonlyMap<string, string>;
  /** The newest tips at the time of each knock: where it belongs. */
  readonly doors: ReadonlyMap<SeenEntry, readonly number[]>;
}

interface Seating {
  readonly seq: number;
  readonly seated: boolean;
}

/** What is known of a commit's author, and what it named; undefined for one of nobody's. */
type Sent = { seatId: string; supersedes?: number | undefined } | undefined;

/** An application entry is taken for this many epochs before a tip (`delivery.md`). */
const LATE_EPOCHS = 2;
/** A knock is heard on so many tips at most. */
const DOORS = 16;

type Breach = (
  rule:
    | "place-known"
    | "candidates-in-order"
    | "one-commit"
    | "seats-by-branch"
    | "names-of-one"
    | "tip-or-late",
  entry: SeenEntry,
  detail: string,
) => void;

/**
 * Carries a group's log out again by the rules alone, from its founder's seat on, and says where an entry stands that
 * they don't allow. `isWhole`: nothing of it is purged. With what is purged a name may be forgotten, and is free again.
 */
export function replayLog(
  log: { founder: string; entries: readonly SeenEntry[]; isWhole: boolean; sent: (entry: SeenEntry) => Sent },
  breach: Breach,
): Replay {
  const { founder } = log;
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
  const seating = new Map<string, Seating[]>([[founder, [{ seq: 0, seated: true }]]]);
  const names = createNames(founder, log.isWhole);
  const doors = new Map<SeenEntry, readonly number[]>();

  for (const entry of log.entries) {
    const place = places.get(entry.branch);
    if (place === undefined || place.epoch !== entry.epoch || entry.branch >= entry.seq) {
      breach("place-known", entry, `nothing began epoch ${entry.epoch}, branch ${entry.branch}`);
      continue;
    }
    // A note is taken for any epoch that is kept.
    if (entry.kind === "note") continue;
    if (entry.kind !== "commit") {
      const late = entry.kind === "application" ? LATE_EPOCHS : 0;
      if (!reachesTip(place, late)) breach("tip-or-late", entry, `a ${entry.kind} on an epoch that is over`);
      if (entry.kind === "knock") doors.set(entry, newest([...tips]));
      continue;
    }
    const sent = log.sent(entry);
    checkCandidate(place, entry, sent?.supersedes, breach);
    const next: Place = {
      epoch: place.epoch + 1,
      branch: entry.seq,
      parent: place,
      seats: names.change(place, entry, sent, breach),
      removes: (entry.commit?.seatsRemoved.length ?? 0) > 0,
      candidates: [],
    };
    place.candidates.push(next);
    places.set(entry.seq, next);
    tips.delete(place);
    tips.add(next);
    for (const seat of new Set([...place.seats, ...next.seats])) {
      const seated = [...tips].some((tip) => tip.seats.has(seat));
      const before = seating.get(seat) ?? [];
      if (seated !== (before.at(-1)?.seated ?? false))
        seating.set(seat, [...before, { seq: entry.seq, seated }]);
    }
  }
  return { places, seating, returned: names.returned, origins: names.origins, doors };
}

function newest(tips: readonly Place[]): number[] {
  return tips
    .map(({ branch }) => branch)
    .toSorted((a, b) => b - a)
    .slice(0, DOORS);
}

/** Who was called what, from commit to commit. */
function createNames(founder: string, isWhole: boolean) {
  const added = new Set([founder]);
  const returned = new Set<string>();
  const origins = new Map<string, string>();
  const originOf = (seat: string): string => origins.get(seat) ?? seat;

  function add(seats: Set<string>, seat: string, entry: SeenEntry, breach: Breach): void {
    if (seats.has(seat)) breach("seats-by-branch", entry, "adds a seat that the branch has");
    seats.add(seat);
    if (added.has(seat)) returned.add(seat);
    added.add(seat);
  }

  function replace(seats: Set<string>, entry: SeenEntry, sent: Sent, breach: Breach): void {
    const { from, to } = entry.commit?.seatReplaced ?? {};
    if (from === undefined || to === undefined) return;
    if (sent !== undefined && sent.seatId !== from) {
      breach("names-of-one", entry, `seat ${sent.seatId} replaces another's`);
    }
    if (isWhole && added.has(to) && originOf(to) !== originOf(from)) {
      breach("names-of-one", entry, "a seat takes the name that another had");
    }
    if (!seats.delete(from)) breach("seats-by-branch", entry, "replaces a seat that the branch hasn't");
    add(seats, to, entry, breach);
    const origin = originOf(from);
    for (const name of [from, to]) origins.set(name, origin);
  }

  return {
    returned,
    origins,
    /** -> the seats of the epoch that the commit begins. */
    change(place: Place, entry: SeenEntry, sent: Sent, breach: Breach): Set<string> {
      const seats = new Set(place.seats);
      const { seatsAdded = [], seatsRemoved = [] } = entry.commit ?? {};
      for (const seat of seatsAdded) add(seats, seat, entry, breach);
      for (const seat of seatsRemoved) {
        if (!seats.delete(seat)) breach("seats-by-branch", entry, "removes a seat that the branch hasn't");
      }
      replace(seats, entry, sent, breach);
      return seats;
    },
  };
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
