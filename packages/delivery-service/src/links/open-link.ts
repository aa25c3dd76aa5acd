import { type DeliveryRequest, fromHex, type GroupId, type LinkId } from "@thicket/protocol";
import type { Reader } from "../db/access.ts";
import type { ReadOperation } from "../db/access.ts";
import { storedGroupId } from "../db/own-ids.ts";
import { type Accepted, refuse } from "../outcome.ts";

/** `link.open`: the sealed card of a link. LINK_UNKNOWN for one that never was or was withdrawn: they look alike. */
export function openLink(request: DeliveryRequest<"link.open">): ReadOperation<Accepted<"link.open">> {
  return async (reader) => {
    const link = await readLink(reader, request.linkId);
    return link === undefined ? refuse("LINK_UNKNOWN") : { ok: true, card: link.card };
  };
}

/** Where a link leads now. */
export async function readLink(
  reader: Reader,
  linkId: LinkId,
): Promise<{ groupId: GroupId; card: Uint8Array } | undefined> {
  const link = await reader.query
    .selectFrom("links")
    .innerJoin("groups", "groups.no", "links.group_no")
    .select(["groups.group_id", "links.card"])
    .where("link_id", "=", fromHex(linkId))
    .executeTakeFirst();
  if (link === undefined || link.card === null) return undefined;
  return { groupId: storedGroupId(link.group_id), card: link.card };
}
