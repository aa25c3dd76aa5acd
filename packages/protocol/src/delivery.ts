import * as v from "valibot";
import { blobTicket } from "./blobs.ts";
import { bytes, bytesOf } from "./bytes.ts";
import { CommitFields, Entry, EntryKind, Token } from "./envelope.ts";
import { replyOf, Tip, WireError } from "./errors.ts";
import {
  AccountId,
  Branch,
  CipherSuiteId,
  DeviceId,
  EntryId,
  Epoch,
  GroupId,
  LinkId,
  SeatId,
  Seq,
  Timestamp,
  WelcomeId,
} from "./ids.ts";
import { LIMITS } from "./limits.ts";

const list = <const T extends v.GenericSchema>(item: T, max: number, min = 0) =>
  v.pipe(v.array(item), v.minLength(min), v.maxLength(max));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const device = { userId: AccountId, deviceId: DeviceId };
/** Every request about a group names its author's seat and shows that seat's token. */
const seat = { groupId: GroupId, seatId: SeatId, seatToken: Token };
/** Acts of a member in its present epoch also show that epoch's token. */
const member = { ...seat, epochToken: Token, epoch: Epoch, branch: Branch };
/** Every write also has an id that makes its resends one. */
const write = { ...member, entryId: EntryId };

/** The requests of the Delivery Service (`delivery.md`): name -> request and reply schemas. */
export const deliveryRequests = {
  "keyPackages.publish": {
    request: v.object({
      suite: CipherSuiteId,
      keyPackages: list(bytes(LIMITS.keyPackage, 1), LIMITS.keyPackagesPerPublish),
      lastResort: v.optional(bytes(LIMITS.keyPackage, 1)),
    }),
    reply: replyOf({ count, lastResort: v.boolean() }),
  },
  "keyPackages.count": {
    request: v.object({ suite: CipherSuiteId }),
    reply: replyOf({ count, lastResort: v.boolean() }),
  },
  "keyPackages.claim": {
    request: v.object({ suite: CipherSuiteId, devices: list(v.object(device), LIMITS.claimDevices, 1) }),
    reply: replyOf({
      keyPackages: v.array(
        v.object({ ...device, keyPackage: bytes(LIMITS.keyPackage), lastResort: v.boolean() }),
      ),
      missing: v.array(v.object(device)),
    }),
  },
  "group.create": {
    request: v.object({ ...seat, epochTokenHash: bytesOf(32) }),
    reply: replyOf({ branch: Branch }),
  },
  "group.attach": {
    request: v.object({
      seats: list(v.object({ ...seat, epochToken: v.optional(Token), cursor: Seq }), LIMITS.attachBatch, 1),
    }),
    reply: replyOf({
      results: v.array(
        v.variant("attached", [
          v.object({
            attached: v.literal(true),
            groupId: GroupId,
            tips: v.array(Tip),
            /** The (epoch, branch) whose token was shown; a joiner learns its place from it. */
            place: v.optional(Tip),
            headSeq: Seq,
            lowestSeq: Seq,
            /** The lowest seq that all seats of all tips have acknowledged. */
            ackedSeq: Seq,
          }),
          v.object({ attached: v.literal(false), groupId: GroupId, error: WireError }),
        ]),
      ),
    }),
  },
  "group.append": {
    request: v.object({
      ...write,
      kind: v.pipe(EntryKind, v.picklist(["proposal", "application", "note"])),
      bytes: bytes(LIMITS.applicationEntry, 1),
    }),
    reply: replyOf({ seq: Seq, receivedAt: Timestamp }),
  },
  "group.commit": {
    request: v.object({
      ...write,
      bytes: bytes(LIMITS.commitBundle, 1),
      ...CommitFields.entries,
      /** The last candidate of (epoch, branch), where this commit is to be the next one after it. */
      supersedes: v.optional(Seq),
      welcomes: list(
        v.object({
          bytes: bytes(LIMITS.commitBundle, 1),
          to: list(v.object({ ...device, keyPackageRef: bytesOf(32) }), LIMITS.seatsPerGroup, 1),
        }),
        LIMITS.welcomesPerCommit,
      ),
    }),
    reply: replyOf({ seq: Seq, receivedAt: Timestamp }),
  },
  "group.read": {
    request: v.object({
      ...seat,
      after: Seq,
      limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LIMITS.logPage)),
    }),
    /** Nothing below `lowestSeq` is kept any more. */
    reply: replyOf({ entries: v.array(Entry), headSeq: Seq, lowestSeq: Seq }),
  },
  "cursor.ack": {
    request: v.object({ ...seat, seq: Seq }),
    reply: replyOf({ ackedSeq: Seq }),
  },
  /** The seat has taken the commit that began this epoch. A hint: it lets that commit's Welcomes go out early. */
  "group.confirm": {
    request: v.object(member),
    reply: replyOf({}),
  },
  /** Lets a link lead to this group, or changes its sealed card. A link that was withdrawn stays so. */
  "link.publish": {
    request: v.object({ ...member, linkId: LinkId, card: bytes(LIMITS.linkCard, 1) }),
    reply: replyOf({}),
  },
  "link.withdraw": {
    request: v.object({ ...member, linkId: LinkId }),
    reply: replyOf({}),
  },
  /** Whoever has the link sees its card. One that was withdrawn or never was is LINK_UNKNOWN. */
  "link.open": {
    request: v.object({ linkId: LinkId }),
    reply: replyOf({ card: bytes(LIMITS.linkCard) }),
  },
  /** Asks a group's members to be let in: by a link, or in the place of a seat of one's own that was lost. */
  "group.knock": {
    request: v.variant("by", [
      v.object({
        by: v.literal("link"),
        linkId: LinkId,
        entryId: EntryId,
        bytes: bytes(LIMITS.knock, 1),
      }),
      v.object({ by: v.literal("seat"), ...seat, entryId: EntryId, bytes: bytes(LIMITS.knock, 1) }),
    ]),
    reply: replyOf({}),
  },
  "welcome.list": {
    request: v.object({}),
    reply: replyOf({
      welcomes: v.array(
        v.object({ welcomeId: WelcomeId, keyPackageRef: bytesOf(32), bytes: bytes(LIMITS.commitBundle) }),
      ),
    }),
  },
  "welcome.ack": {
    request: v.object({ welcomeIds: list(WelcomeId, LIMITS.attachBatch) }),
    reply: replyOf({}),
  },
  "blob.ticket": blobTicket,
} as const;

/** What the Delivery Service says unasked. Each is a hint: the log and the cursor are the truth. */
export const deliveryEvents = {
  entries: v.object({ groupId: GroupId, entries: v.array(Entry) }),
  acked: v.object({ groupId: GroupId, seq: Seq }),
  welcome: v.object({}),
  keyPackagesLow: v.object({ suite: CipherSuiteId, count }),
} as const;

export type DeliveryRequests = typeof deliveryRequests;
export type DeliveryRequest<K extends keyof DeliveryRequests> = v.InferOutput<DeliveryRequests[K]["request"]>;
export type DeliveryReply<K extends keyof DeliveryRequests> = v.InferOutput<DeliveryRequests[K]["reply"]>;
export type DeliveryEvents = {
  [K in keyof typeof deliveryEvents]: v.InferOutput<(typeof deliveryEvents)[K]>;
};
