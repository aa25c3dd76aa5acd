import { createHash } from "node:crypto";
import { privateMessage } from "@thicket/delivery-service/testing";
import { toHex } from "@thicket/protocol";
import { wire } from "../clients/device.ts";
import type { Commit, Intent, SeatReplaced } from "../history.ts";
import type { Group, GroupPlace, Membership } from "./group.ts";
import { catchUpByPages } from "./read-acts.ts";
import { digestOf } from "./recorder.ts";
import { type Lane, oneOf } from "./world.ts";
import { content, credentials, keep, pickSeat } from "./write-acts.ts";

const SEATS = { least: 3, most: 8 };
/** One commit in so many replaces its author's seat. */
const REPLACES = 6;

export async function commit(lane: Lane): Promise<void> {
  const membership = pickSeat(lane);
  if (membership !== undefined) await commitAs(lane, membership);
}

/** Several members of one group commit in the same moment. */
export async function race(lane: Lane): Promise<void> {
  const { world, random } = lane;
  const membership = pickSeat(lane);
  if (membership === undefined) return;
  const rivals = world.clients.flatMap((client) =>
    [...client.memberships.values()]
      .filter((seat) => seat.group === membership.group && seat.known && !seat.removed && seat.place)
      .map((seat) => ({ client, seat })),
  );
  const chosen = rivals.filter(() => random.below(2) === 0).slice(0, 3);
  await Promise.all([
    commitAs(lane, membership),
    ...chosen
      .filter(({ seat }) => seat !== membership)
      .map(({ client, seat }) => commitAs({ ...lane, client }, seat)),
  ]);
}

/** Another candidate for the epoch before, as if its first one had been found bad. */
export async function supersede(lane: Lane): Promise<void> {
  const membership = pickSeat(lane);
  const parent = membership?.place.parent;
  if (membership === undefined || parent?.seats.has(membership.seatId) !== true) return;
  const last = membership.group.candidates(parent.branch).at(-1);
  await commitAs(lane, membership, { place: parent, supersedes: last });
}

interface CommitDraft {
  place: GroupPlace | undefined;
  supersedes?: number | undefined;
  intent?: Intent;
  /** Otherwise it is drawn. */
  replaced?: SeatReplaced;
}

async function commitAs(
  lane: Lane,
  membership: Membership,
  draft: CommitDraft = { place: membership.place },
): Promise<void> {
  const { place } = draft;
  if (place === undefined) return;
  const { send, digest } = draftCommit(lane, membership, { ...draft, place });
  const operation = await send();
  keep(lane, operation, { membership, digest, send });
  if (operation?.outcome.kind === "refused") await catchUpByPages(lane, membership);
}

function draftCommit(lane: Lane, membership: Membership, draft: CommitDraft & { place: GroupPlace }) {
  const { random } = lane;
  const { group, seatId } = membership;
  const { place, supersedes, intent = "honest" } = draft;
  const { added, removed } = chooseSeats(lane, membership, place);
  const seatReplaced = draft.replaced ?? chooseName(lane, membership, place);
  const entryId = toHex(random.bytes(16));
  const { nextToken, nextTokenHash } = nextTokenOf(lane, group);
  const text = content(lane, entryId, place.branch);
  const bytes = wire(privateMessage(group.groupId, place.epoch, "commit", text));
  const digest = digestOf(bytes);
  const welcomes = added.map((seat) => inviteTo(lane, membership, nextToken, seat));
  const changes = {
    seatsAdded: added.map((seat) => seat.seatId),
    seatsRemoved: removed,
    ...(seatReplaced !== undefined && { seatReplaced }),
    ...(supersedes !== undefined && { supersedes }),
  };
  const request = {
    ...credentials(membership, place),
    entryId,
    bytes,
    nextTokenHash,
    ...changes,
    welcomes: welcomes.map(({ payload, to }) => ({ bytes: payload, to: to.map(addressOf(lane)) })),
  };
  const question = {
    op: "commit",
    groupId: group.groupId,
    seatId,
    entryId,
    epoch: place.epoch,
    branch: place.branch,
    digest,
    intent,
    nextTokenHash: nextTokenHash.toString("base64url"),
    ...changes,
    welcomes: welcomes.map(({ payload, to }) => ({ digest: digestOf(payload), to })),
  } as const;
  const send = () =>
    lane.client.ask<"group.commit", Commit>("group.commit", request, question, ({ seq, receivedAt }) => ({
      seq,
      receivedAt,
    }));
  return { send, digest };
}

/** All members will know it by its hash. */
function nextTokenOf({ random }: Lane, group: Group) {
  const nextToken = Buffer.from(random.bytes(32));
  const nextTokenHash = createHash("sha256").update(nextToken).digest();
  group.tokens.set(nextTokenHash.toString("base64url"), nextToken);
  return { nextToken, nextTokenHash };
}

function addressOf({ world, random }: Lane) {
  return (device: number) => ({
    ...world.clients[device]?.device.identity,
    keyPackageRef: Buffer.from(random.bytes(32)),
  });
}

/** Some authors go on under another name: mostly a new one, seldom one that they have on another branch. */
function chooseName({ random }: Lane, membership: Membership, place: GroupPlace): SeatReplaced | undefined {
  if (random.below(REPLACES) !== 0) return undefined;
  const { group, seatId: from } = membership;
  const origin = group.origins.get(from);
  const own = [...group.origins].flatMap(([name, first]) =>
    first === origin && !place.seats.has(name) ? [name] : [],
  );
  const to = random.below(3) === 0 ? oneOf(random, own) : undefined;
  return { from, to: to ?? toHex(random.bytes(16)) };
}

/** Somebody who would take over another's seat, or the name that another had. */
export async function takeOver(lane: Lane): Promise<void> {
  const { random } = lane;
  const membership = pickSeat(lane);
  if (membership === undefined) return;
  const { group, place, seatId } = membership;
  const others = [...place.seats].filter((seat) => seat !== seatId);
  const everybody = new Set([...group.places.values()].flatMap(({ seats }) => [...seats]));
  const former = [...everybody].filter(
    (seat) => group.owners.get(seat) !== lane.client.index && !place.seats.has(seat),
  );
  // Of a log that is purged the relay may have forgotten who had a name: then it is anybody's.
  const name = oneOf(random, !group.purged && former.length > 0 && random.below(3) > 0 ? former : others);
  if (name === undefined) return;
  const taken = others.includes(name);
  const replaced = taken && random.below(2) === 0 ? { from: name, to: toHex(random.bytes(16)) } : undefined;
  const intent = taken ? "forged" : "outdated";
  await commitAs(lane, membership, { place, intent, replaced: replaced ?? { from: seatId, to: name } });
}

interface AddedSeat {
  seatId: string;
  device: number;
}

/** Groups grow while they are small and shrink while they are large. */
function chooseSeats(
  { world, random }: Lane,
  { group, seatId }: Membership,
  place: GroupPlace,
): { added: AddedSeat[]; removed: string[] } {
  const count = place.seats.size;
  const here = new Set([...place.seats].map((seat) => group.owners.get(seat)));
  const added: AddedSeat[] = [];
  const wanted = count < SEATS.least ? 2 + random.below(3) : count < SEATS.most ? random.below(3) : 0;
  for (let n = 0; n < wanted; n++) {
    const device = random.below(world.clients.length);
    if (here.has(device)) continue;
    here.add(device);
    // Some come back to the seat that they had.
    const former = [...group.owners].find(
      // Who has replaced its seat comes back with another: a leaf's key is never used again.
      ([seat, owner]) => owner === device && !place.seats.has(seat) && !group.origins.has(seat),
    )?.[0];
    const own = former !== undefined && random.below(3) === 0 ? former : toHex(random.bytes(16));
    group.owners.set(own, device);
    added.push({ seatId: own, device });
  }
  const others = [...place.seats].filter((seat) => seat !== seatId);
  const removes = count > SEATS.least && random.below(count >= SEATS.most ? 2 : 5) === 0;
  const gone = removes ? oneOf(random, others) : undefined;
  return { added, removed: gone === undefined ? [] : [gone] };
}

function inviteTo({ world, random }: Lane, { group }: Membership, epochToken: Buffer, seat: AddedSeat) {
  const payload = Buffer.from(random.bytes(48));
  world.invitations.set(digestOf(payload), { group, seatId: seat.seatId, epochToken });
  return { payload, to: [seat.device] };
}
