import { type SeededRandom, parse } from "@thicket/delivery-service/testing";
import { GroupId, toHex } from "@thicket/protocol";
import type { SeatReplaced, SeenEntry } from "../history.ts";

/** One epoch of a group, and what its members know of it. */
export interface GroupPlace {
  readonly epoch: number;
  readonly branch: number;
  readonly parent: GroupPlace | undefined;
  readonly token: Buffer;
  readonly seats: ReadonlySet<string>;
}

/**
 * A group as its members together know it. The Delivery Service is blind, so no MLS is needed to be members: they
 * agree on tokens and seats as MLS would have them agree.
 */
export interface Group {
  readonly groupId: GroupId;
  readonly founderSeat: string;
  /** By branch. */
  readonly places: ReadonlyMap<number, GroupPlace>;
  /** Whose seat it is. */
  readonly owners: Map<string, number>;
  /** For seats that were replaced or replace one, in a commit that somebody has seen: the first name of each. */
  readonly origins: ReadonlyMap<string, string>;
  /** Whether something of its log is purged, as far as anybody was told. */
  purged: boolean;
  /** Epoch tokens by the hash that a commit says. */
  readonly tokens: Map<string, Buffer>;
  /** The commits on a branch that somebody has seen, first candidate first. */
  candidates(branch: number): readonly number[];
  /** A commit that somebody has seen in the log. */
  observe(commit: SeenEntry): void;
}

export function createGroup(founder: number, random: SeededRandom): Group {
  const groupId = parse(GroupId, toHex(random.bytes(32)));
  const founderSeat = toHex(random.bytes(16));
  const first: GroupPlace = {
    epoch: 0,
    branch: 0,
    parent: undefined,
    token: Buffer.from(random.bytes(32)),
    seats: new Set([founderSeat]),
  };
  const places = new Map<number, GroupPlace>([[0, first]]);
  const waiting = new Map<number, SeenEntry[]>();
  const tokens = new Map<string, Buffer>();
  const owners = new Map([[founderSeat, founder]]);
  const origins = new Map<string, string>();

  function replace(seats: Set<string>, { from, to }: SeatReplaced): void {
    seats.delete(from);
    seats.add(to);
    const origin = origins.get(from) ?? from;
    for (const name of [from, to]) origins.set(name, origin);
    const owner = owners.get(from);
    if (owner !== undefined) owners.set(to, owner);
  }

  function observe(entry: SeenEntry): void {
    const { commit } = entry;
    if (commit === undefined || places.has(entry.seq)) return;
    const parent = places.get(entry.branch);
    const token = tokens.get(commit.nextTokenHash);
    if (parent === undefined) {
      waiting.set(entry.branch, [...(waiting.get(entry.branch) ?? []), entry]);
      return;
    }
    // A commit of nobody's: the checker says so.
    if (token === undefined) return;
    const seats = new Set(parent.seats);
    for (const seat of commit.seatsAdded) seats.add(seat);
    for (const seat of commit.seatsRemoved) seats.delete(seat);
    if (commit.seatReplaced !== undefined) replace(seats, commit.seatReplaced);
    places.set(entry.seq, { epoch: parent.epoch + 1, branch: entry.seq, parent, token, seats });
    const next = waiting.get(entry.seq) ?? [];
    waiting.delete(entry.seq);
    for (const later of next) observe(later);
  }

  return {
    groupId,
    founderSeat,
    places,
    candidates: (branch) =>
      [...places.values()]
        .flatMap((place) => (place.parent?.branch === branch ? [place.branch] : []))
        .toSorted((a, b) => a - b),
    owners,
    origins,
    purged: false,
    tokens,
    observe,
  };
}

/** How far a member has read, under whatever names. */
interface Reading {
  /** The last seq that it has seen. */
  seen: number;
  /** It has read everything up to here, page by page: what it may acknowledge. */
  readUpTo: number;
  /** What it may have acknowledged. */
  acknowledged: number;
}

/** One device's place in one group under one name, with what this device has seen of it. */
export interface Membership {
  readonly group: Group;
  readonly seatId: string;
  readonly seatToken: Buffer;
  /** What it shows at its first attach. */
  firstToken: Buffer;
  /** Whether the relay knows the seat's token. */
  known: boolean;
  /** Where it writes; undefined until the relay has said where it stands. */
  place: GroupPlace | undefined;
  /** The same for all names of one seat. */
  readonly reading: Reading;
  /** Bytes that it sent and has neither been answered for nor seen in the log. */
  readonly unsettled: Set<string>;
  /** Where it stands, it was removed, or goes on under another name. */
  removed: boolean;
  take(entry: SeenEntry): void;
  /** It stands here now: after joining, or joining again. */
  enter(branch: number): void;
}

export function createMembership(
  group: Group,
  seat: { seatId: string; seatToken: Buffer; firstToken: Buffer },
  reading: Reading = { seen: 0, readUpTo: 0, acknowledged: 0 },
): Membership {
  /** Commits seen, by the branch that they end; the first of each. */
  const commits = new Map<number, SeenEntry>();
  const membership: Membership = {
    group,
    ...seat,
    known: false,
    place: undefined,
    reading,
    unsettled: new Set(),
    removed: false,
    take(entry) {
      reading.seen = Math.max(reading.seen, entry.seq);
      membership.unsettled.delete(entry.digest);
      if (entry.kind !== "commit") return;
      group.observe(entry);
      const known = commits.get(entry.branch);
      if (known === undefined || known.seq > entry.seq) commits.set(entry.branch, entry);
      else if (known.seq < entry.seq) followLater(entry);
      advance();
    },
    enter(branch) {
      const place = group.places.get(branch);
      if (place === undefined) return;
      membership.place = place;
      membership.removed = false;
      advance();
    },
  };

  /** Half of those who see a later candidate go on there, as if they had found the first one bad. */
  function followLater(candidate: SeenEntry): void {
    const place = group.places.get(candidate.seq);
    if (place?.seats.has(seat.seatId) !== true) return;
    if ((candidate.seq + seat.seatToken.readUInt8(0)) % 2 === 0) return;
    membership.place = place;
    membership.removed = false;
  }

  function advance(): void {
    for (;;) {
      const commit = membership.place && commits.get(membership.place.branch);
      if (commit === undefined || membership.removed) return;
      const { seatsRemoved = [], seatReplaced } = commit.commit ?? {};
      if (seatsRemoved.includes(seat.seatId) || seatReplaced?.from === seat.seatId) membership.removed = true;
      else {
        const next = group.places.get(commit.seq);
        if (next === undefined) return;
        membership.place = next;
      }
    }
  }

  return membership;
}

/** The member under the name that this commit gives it, with the same token and cursor. */
export function succeed(
  { group, seatToken, ...from }: Membership,
  to: string,
  commit: SeenEntry,
): Membership {
  const firstToken = group.tokens.get(commit.commit?.nextTokenHash ?? "") ?? from.firstToken;
  const membership = createMembership(group, { seatId: to, seatToken, firstToken }, from.reading);
  membership.known = from.known;
  return membership;
}
