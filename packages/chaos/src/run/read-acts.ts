import type { Acknowledge, AcknowledgeWelcomes, Confirm, ListWelcomes, Read } from "../history.ts";
import { createMembership, type Membership } from "./group.ts";
import { digestOf } from "./recorder.ts";
import type { Client } from "./client.ts";
import { type Lane, oneOf, type World } from "./world.ts";

const PAGE = 256;

export async function readPage(lane: Lane): Promise<void> {
  const { random, client } = lane;
  // Also seats that were removed: they read their time.
  const membership = oneOf(
    random,
    [...client.memberships.values()].filter(({ known }) => known),
  );
  if (membership === undefined) return;
  const { seen } = membership.reading;
  const after = random.below(2) === 0 ? seen : random.below(seen + 1);
  await readAfter(client, membership, after, random.below(3) === 0 ? 1 + random.below(20) : PAGE);
}

/** -> what came, or undefined where nothing did. */
export async function readAfter(client: Client, membership: Membership, after: number, limit: number) {
  const operation = await askPage(client, membership, after, limit);
  return operation?.outcome.kind === "ok" ? operation.outcome.reply : undefined;
}

export async function askPage(
  client: Client,
  membership: Membership,
  after: number,
  limit: number,
): Promise<Read | undefined> {
  const { group, seatId, seatToken } = membership;
  const operation = await client.ask<"group.read", Read>(
    "group.read",
    { groupId: group.groupId, seatId, seatToken, after, limit },
    { op: "read", groupId: group.groupId, seatId, after, limit },
    ({ entries, headSeq, lowestSeq }) => ({
      entries: entries.map((entry) => client.see(group.groupId, entry)),
      headSeq,
      lowestSeq,
    }),
  );
  if (operation?.outcome.kind !== "ok") return operation;
  const { reply } = operation.outcome;
  if (reply.lowestSeq > 1) group.purged = true;
  client.take(membership, reply.entries);
  const last = reply.entries.at(-1);
  const { reading } = membership;
  if (last !== undefined && after <= reading.readUpTo) {
    reading.readUpTo = Math.max(reading.readUpTo, last.seq);
  }
  return operation;
}

/** A seat that is told it is behind reads on from where it stands. */
export async function catchUpByPages({ client }: Lane, membership: Membership): Promise<void> {
  let after = membership.place?.branch ?? 0;
  for (let pages = 0; pages < 20; pages++) {
    const reply = await readAfter(client, membership, after, PAGE);
    const last = reply?.entries.at(-1);
    if (reply === undefined || last === undefined || last.seq >= reply.headSeq) return;
    after = last.seq;
  }
}

export async function acknowledge({ client, random }: Lane): Promise<void> {
  const membership = oneOf(
    random,
    [...client.memberships.values()].filter(({ known, removed }) => known && !removed),
  );
  if (membership === undefined) return;
  // Only what it has, without a gap: the relay may erase what all have acknowledged.
  const { group, seatId, seatToken, reading } = membership;
  await readAfter(client, membership, reading.readUpTo, PAGE);
  const seq = random.below(4) === 0 ? random.below(reading.readUpTo + 1) : reading.readUpTo;
  reading.acknowledged = Math.max(reading.acknowledged, seq);
  await client.ask<"cursor.ack", Acknowledge>(
    "cursor.ack",
    { groupId: group.groupId, seatId, seatToken, seq },
    { op: "ack", groupId: group.groupId, seatId, seq },
    ({ ackedSeq }) => ({ ackedSeq }),
  );
}

/** Says that it has taken the commit that began its epoch: Welcomes of that commit go out. */
export async function confirm(client: Client, membership: Membership): Promise<Confirm | undefined> {
  const { group, seatId, seatToken, place } = membership;
  if (place === undefined || membership.removed) return undefined;
  const { epoch, branch, token } = place;
  return client.ask<"group.confirm", Confirm>(
    "group.confirm",
    { groupId: group.groupId, seatId, seatToken, epochToken: token, epoch, branch },
    { op: "confirm", groupId: group.groupId, seatId, epoch, branch },
    () => ({}),
  );
}

/** Looks into the inbox, joins what it is invited to, and acknowledges. -> whether there was anything. */
export async function takeWelcomes(world: World, client: Client, forgetful: boolean): Promise<boolean> {
  client.welcomeWaits = false;
  const listed = await client.ask<"welcome.list", ListWelcomes>(
    "welcome.list",
    {},
    { op: "welcomes" },
    ({ welcomes }) => ({
      welcomes: welcomes.map(({ welcomeId, bytes }) => ({ welcomeId, digest: digestOf(bytes) })),
    }),
  );
  if (listed?.outcome.kind !== "ok") {
    client.welcomeWaits = true;
    return true;
  }
  const { welcomes } = listed.outcome.reply;
  if (welcomes.length === 0) return false;
  const joined: Membership[] = [];
  for (const { digest } of welcomes) {
    const invitation = world.invitations.get(digest);
    if (invitation === undefined) continue;
    const { group, seatId, epochToken } = invitation;
    const known = client.memberships.get(seatId);
    if (known !== undefined && !known.removed) continue;
    const membership =
      known ?? createMembership(group, { seatId, seatToken: client.randomToken(), firstToken: epochToken });
    // Who comes back to its seat stands where the Welcome says.
    membership.place = undefined;
    membership.removed = false;
    membership.firstToken = epochToken;
    client.memberships.set(seatId, membership);
    joined.push(membership);
  }
  if (joined.length > 0) await client.attach(joined);
  // Acknowledged later, or never heard of again: it must come again.
  if (forgetful) {
    client.welcomeWaits = true;
    return true;
  }
  const welcomeIds = welcomes.map(({ welcomeId }) => welcomeId);
  await client.ask<"welcome.ack", AcknowledgeWelcomes>(
    "welcome.ack",
    { welcomeIds },
    { op: "ack-welcomes", welcomeIds },
    () => ({}),
  );
  return true;
}
