import { type DeliveryRequest, fromHex, type GroupId } from "@thicket/protocol";
import type { Reader, Transaction } from "../db/access.ts";
import type { ReadOperation } from "../db/access.ts";
import type { GroupRow } from "../db/statements.ts";
import type { WriteOperation } from "../db/access.ts";
import { writeEntry } from "../groups/append-entry.ts";
import { readAudience } from "../groups/audience.ts";
import { answerResend, markOf, markOfCopy } from "../groups/resend.ts";
import type { DeliveryLimits } from "../limits.ts";
import { type Accepted, type Effect, type Outcome, refuse, refused, type Refusal } from "../outcome.ts";
import { checkSeatToken } from "../seats/check-seat.ts";
import { readLink } from "./open-link.ts";

type Request = DeliveryRequest<"group.knock">;
type Reply = Accepted<"group.knock">;

/** A knock is written on so many tips, newest first: enough for members on any of them, and no more. */
const TIPS = 16;

/** Which group's door it is: LINK_UNKNOWN where the link leads nowhere. */
export function findDoor(request: Request): ReadOperation<{ ok: true; groupId: GroupId }> {
  return async (reader) => {
    if (request.by === "seat") return { ok: true, groupId: request.groupId };
    const link = await readLink(reader, request.linkId);
    return link === undefined ? refuse("LINK_UNKNOWN") : { ok: true, groupId: link.groupId };
  };
}

/**
 * `group.knock`: puts a sealed request to be let in where the members read it. By a link, from anybody; or by the seat
 * that one had, also where it was removed or dropped. Nothing is kept of who knocked, and the answer says nothing of the
 * group. Refuses with PAYLOAD_TOO_LARGE, LINK_UNKNOWN, GROUP_UNKNOWN, SEAT_REFUSED or ENTRY_CONFLICT.
 */
export function knock(
  request: Request,
  groupId: GroupId,
  deps: { now: () => number; limits: DeliveryLimits },
): WriteOperation<Reply> {
  const limit = deps.limits.knock;
  return async (tx): Promise<Outcome<Reply>> => {
    if (request.bytes.length > limit) return refused("PAYLOAD_TOO_LARGE", { limit });
    const refusal = await mayKnock(tx, request, groupId);
    if (refusal !== undefined) return { reply: refusal, effects: [] };
    const opened = await readGroup(tx, groupId);
    const door = request.by === "link" ? request.linkId : request.seatId;
    const mark = markOf(door, request.entryId, ["knock", request.bytes]);
    const resent = await answerResend(tx, opened.no, mark);
    if (resent !== undefined) return { reply: resent.reply.ok ? { ok: true } : resent.reply, effects: [] };

    const effects: Effect[] = [];
    const tips = await tx.hot.tips(opened.no);
    for (const [index, { branch }] of tips.slice(0, TIPS).entries()) {
      const group = await readGroup(tx, groupId);
      const place = await tx.hot.epoch(group.no, branch);
      if (place === undefined) continue;
      const audience = await readAudience(tx, group, place);
      const own = index === 0 ? mark : markOfCopy(mark, branch);
      const at = { place, mark: own, by: "stranger", now: deps.now(), alsoTo: audience.alsoTo } as const;
      const entry = await writeEntry(tx, group, at, { kind: "knock", bytes: request.bytes });
      effects.push({ kind: "appended", groupId, entries: [entry], ...audience });
    }
    return { reply: { ok: true }, effects };
  };
}

async function mayKnock(reader: Reader, request: Request, groupId: GroupId): Promise<Refusal | undefined> {
  if (request.by === "seat") {
    const seat = await checkSeatToken(reader, request);
    return seat.ok ? undefined : seat;
  }
  // It may have been withdrawn since it was looked up.
  const link = await readLink(reader, request.linkId);
  return link?.groupId === groupId ? undefined : refuse("LINK_UNKNOWN");
}

async function readGroup(tx: Transaction, groupId: GroupId): Promise<GroupRow> {
  const group = await tx.hot.group(fromHex(groupId));
  if (group === undefined) throw new Error("a door without a group");
  return group;
}
