import type { Appended } from "@thicket/delivery-service";
import type { Entry, SeatId, Seq } from "@thicket/protocol";

/** How far an attached seat has heard its group's log. */
export interface Ear {
  readonly seatId: SeatId;
  /** Of everything up to here it was sent what it may read. */
  told: Seq;
  /** False while it reads the log: then it is sent nothing, and only remembers up to where there was something. */
  caughtUp: boolean;
  heard: Seq;
  /** Whether a tip holds it, up to this entry. */
  seated: boolean;
  seatedAsOf: Seq;
}

/** What {@link Appended} says, made ready for many ears. */
export interface Told {
  readonly groupId: Appended["groupId"];
  readonly entries: readonly Entry[];
  readonly first: Seq;
  readonly last: Seq;
  readonly hiddenFrom: ReadonlySet<SeatId>;
  readonly alsoTo: ReadonlySet<SeatId>;
  readonly unseated: ReadonlySet<SeatId>;
  readonly seated: ReadonlySet<SeatId>;
}

/** -> undefined where nothing was appended. */
export function toldOf(appended: Appended): Told | undefined {
  const { groupId, entries } = appended;
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return {
    groupId,
    entries,
    first: first.seq,
    last: last.seq,
    hiddenFrom: new Set(appended.hiddenFrom),
    alsoTo: new Set(appended.alsoTo),
    unseated: new Set(appended.unseated),
    seated: new Set(appended.seated),
  };
}

/**
 * Moves an ear past what was told. -> the entries that it is to be sent, none where it had them or may not read them;
 * undefined where it lacks what comes before, and must wait: it hears its log in order and without gaps.
 */
export function takeTold(ear: Ear, told: Told): readonly Entry[] | undefined {
  if (!ear.caughtUp) {
    ear.heard = later(ear.heard, told.last);
    sit(ear, told);
    return [];
  }
  if (told.first > ear.told + 1) return undefined;
  const reads = ear.seated ? !told.hiddenFrom.has(ear.seatId) : told.alsoTo.has(ear.seatId);
  const entries = reads ? told.entries.filter(({ seq }) => seq > ear.told) : [];
  ear.told = later(ear.told, told.last);
  sit(ear, told);
  return entries;
}

/**
 * Everything up to here was read from the log. -> whether it listens from now on: not where there was more meanwhile,
 * which is to be read first.
 */
export function beginToListen(ear: Ear, upTo: Seq): boolean {
  ear.told = later(ear.told, upTo);
  ear.caughtUp = ear.heard <= ear.told;
  return ear.caughtUp;
}

/** What is told twice, or comes after what is newer, changes nothing. */
function sit(ear: Ear, { unseated, seated, last }: Told): void {
  if (last <= ear.seatedAsOf) return;
  ear.seatedAsOf = last;
  if (unseated.has(ear.seatId)) ear.seated = false;
  if (seated.has(ear.seatId)) ear.seated = true;
}

export function later(one: Seq, other: Seq): Seq {
  return one > other ? one : other;
}
