import { toHex } from "@thicket/protocol";
import type { Intent, Knock, OpenLink, Operation, PublishLink, WithdrawLink } from "../history.ts";
import type { GroupPlace, Membership } from "./group.ts";
import { digestOf } from "./recorder.ts";
import { type Lane, type Link, oneOf } from "./world.ts";
import { credentials, pickSeat } from "./write-acts.ts";

/** One in so many tries what it may not. */
const AGAINST_THE_RULES = 8;

/** A member lets a link lead to its group, or gives it another card; seldom one that leads to another group. */
export async function publishLink(lane: Lane): Promise<void> {
  const { client, random } = lane;
  const membership = pickSeat(lane);
  if (membership === undefined) return;
  const { group } = membership;
  // What leads nowhere yet would be whoever's comes first.
  const foreign = oneOf(
    random,
    linksOf(lane, group.groupId, false).filter(({ leads }) => leads),
  );
  const forges = foreign !== undefined && random.below(AGAINST_THE_RULES) === 0;
  const own = random.below(2) === 0 ? oneOf(random, linksOf(lane, group.groupId, true)) : undefined;
  const link = (forges ? foreign : own) ?? addLink(lane, group.groupId);
  const { linkId } = link;
  const place = drawPlace(lane, membership);
  const card = Buffer.from(random.bytes(16 + random.below(200)));
  const named = { op: "publish-link", groupId: group.groupId, seatId: membership.seatId, linkId } as const;
  const { epoch, branch } = place;
  const intent: Intent = forges ? "forged" : "honest";
  await ask(lane, async () => {
    const operation = await client.ask<"link.publish", PublishLink>(
      "link.publish",
      { ...credentials(membership, place), linkId, card },
      { ...named, epoch, branch, card: digestOf(card), intent },
      () => ({}),
    );
    if (operation?.outcome.kind === "ok" && !forges) link.leads = true;
    return operation;
  });
}

export async function withdrawLink(lane: Lane): Promise<void> {
  const { client, random } = lane;
  const membership = pickSeat(lane);
  if (membership === undefined) return;
  const { group } = membership;
  const forges = random.below(AGAINST_THE_RULES) === 0;
  const link = oneOf(random, linksOf(lane, group.groupId, !forges));
  if (link === undefined || (forges && !link.leads)) return;
  const { linkId } = link;
  const place = drawPlace(lane, membership);
  const named = { op: "withdraw-link", groupId: group.groupId, seatId: membership.seatId, linkId } as const;
  const { epoch, branch } = place;
  await ask(lane, () =>
    client.ask<"link.withdraw", WithdrawLink>(
      "link.withdraw",
      { ...credentials(membership, place), linkId },
      { ...named, epoch, branch, intent: forges ? "forged" : "honest" },
      () => ({}),
    ),
  );
}

/** Anybody who has a link, or says so. */
export async function openLink(lane: Lane): Promise<void> {
  const { linkId } = someLink(lane) ?? {};
  if (linkId === undefined) return;
  await lane.client.ask<"link.open", OpenLink>(
    "link.open",
    { linkId },
    { op: "open-link", linkId },
    ({ card }) => ({ card: digestOf(card) }),
  );
}

/** Asks to be let in: by a link, or by the seat that it was removed from. */
export async function knock(lane: Lane): Promise<void> {
  const { client, random } = lane;
  const lost = oneOf(
    random,
    [...client.memberships.values()].filter(({ removed, known }) => removed && known),
  );
  const bytes = Buffer.from(random.bytes(40 + random.below(200)));
  const sent = { entryId: toHex(random.bytes(16)), bytes };
  const knocked = { op: "knock", entryId: sent.entryId, digest: digestOf(bytes) } as const;
  if (lost === undefined || random.below(2) === 0) {
    const link = someLink(lane);
    if (link === undefined) return;
    const { linkId, groupId } = link;
    const intent: Intent = groupId === undefined ? "forged" : "honest";
    return ask(lane, () =>
      client.ask<"group.knock", Knock>(
        "group.knock",
        { by: "link", linkId, ...sent },
        { ...knocked, by: "link", groupId, door: linkId, intent },
        () => ({}),
      ),
    );
  }
  const forges = random.below(AGAINST_THE_RULES) === 0;
  const { groupId } = lost.group;
  const { seatId } = lost;
  const seatToken = forges ? Buffer.from(random.bytes(32)) : lost.seatToken;
  await ask(lane, () =>
    client.ask<"group.knock", Knock>(
      "group.knock",
      { by: "seat", groupId, seatId, seatToken, ...sent },
      { ...knocked, by: "seat", groupId, door: seatId, intent: forges ? "forged" : "honest" },
      () => ({}),
    ),
  );
}

/** Sometimes the same goes out twice; what nothing was heard of is mostly asked again. */
async function ask(lane: Lane, send: () => Promise<Operation | undefined>): Promise<void> {
  const operation = await send();
  const again = async () => void (await send());
  if (operation?.outcome.kind === "unknown" && lane.random.below(5) !== 0) lane.unsettled.push(again);
  else if (lane.random.below(6) === 0) await again();
}

/** Links are the present members': an epoch that is over is tried as well. */
function drawPlace({ random }: Lane, { place, seatId }: Membership & { place: GroupPlace }): GroupPlace {
  const { parent } = place;
  return parent?.seats.has(seatId) === true && random.below(AGAINST_THE_RULES) === 0 ? parent : place;
}

function linksOf({ world }: Lane, groupId: string, own: boolean): Link[] {
  return world.links.filter((link) => (link.groupId === groupId) === own);
}

function addLink({ world, random }: Lane, groupId: string): Link {
  const link = { linkId: toHex(random.bytes(32)), groupId, leads: false };
  world.links.push(link);
  return link;
}

/** A link to some group; seldom one that nobody ever made. */
function someLink({
  world,
  random,
}: Lane): (Pick<Link, "linkId"> & { groupId: string | undefined }) | undefined {
  if (random.below(AGAINST_THE_RULES) !== 0) return oneOf(random, world.links);
  return { linkId: toHex(random.bytes(32)), groupId: undefined };
}
