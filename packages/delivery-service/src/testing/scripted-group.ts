import {
  AccountId,
  type Branch,
  type DeliveryReply,
  type DeliveryRequest,
  deliveryRequests,
  DeviceId,
  EntryId,
  type Epoch,
  GroupId,
  type LinkId,
  SeatId,
  type Seq,
  toHex,
} from "@thicket/protocol";
import type { DeliveryService } from "../delivery-service.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import { tokenHash } from "../seats/tokens.ts";
import { parse } from "./parse.ts";
import { privateMessage } from "./private-message.ts";
import type { SeededRandom } from "./seeded-random.ts";

export interface ScriptedSeat {
  seatId: SeatId;
  seatToken: Uint8Array;
}

export interface Place {
  epoch: Epoch;
  branch: Branch;
  epochToken: Uint8Array;
}

export interface ScriptedWelcome {
  bytes: Uint8Array;
  to: readonly { userId: string; deviceId: string; keyPackageRef: Uint8Array }[];
}

export type AppendKind = DeliveryRequest<"group.append">["kind"];

export interface CommitScript {
  add?: readonly ScriptedSeat[];
  remove?: readonly ScriptedSeat[];
  welcomes?: readonly ScriptedWelcome[];
  change?: Partial<DeliveryRequest<"group.commit">>;
}

export function deviceFrom(random: SeededRandom): DeviceIdentity {
  return {
    userId: parse(AccountId, toHex(random.bytes(16))),
    deviceId: parse(DeviceId, toHex(random.bytes(16))),
  };
}

export function entryIdFrom(random: SeededRandom): EntryId {
  return parse(EntryId, toHex(random.bytes(16)));
}

/** The requests of a group's members as an honest client would write them, with room to change any field. */
export function scriptGroup(operations: DeliveryService["operations"], random: SeededRandom) {
  const groupId = parse(GroupId, toHex(random.bytes(32)));
  const device = deviceFrom(random);
  const newSeat = (): ScriptedSeat => ({
    seatId: parse(SeatId, toHex(random.bytes(16))),
    seatToken: random.bytes(32),
  });
  const founder = newSeat();
  const first: Place = { ...parseTip(0, 0), epochToken: random.bytes(32) };

  function appendRequest(
    seat: ScriptedSeat,
    at: Place,
    kind: AppendKind = "application",
    size = 64,
  ): DeliveryRequest<"group.append"> {
    const content = random.bytes(size);
    const bytes = kind === "note" ? content : privateMessage(groupId, at.epoch, kind, content);
    const request = { ...seat, ...at, groupId, entryId: entryIdFrom(random), kind, bytes };
    return parse(deliveryRequests["group.append"].request, request);
  }

  function commitRequest(
    seat: ScriptedSeat,
    at: Place,
    nextToken: Uint8Array,
    { add = [], remove = [], welcomes = [], change = {} }: CommitScript = {},
  ): DeliveryRequest<"group.commit"> {
    const request = parse(deliveryRequests["group.commit"].request, {
      ...seat,
      ...at,
      groupId,
      entryId: entryIdFrom(random),
      bytes: privateMessage(groupId, at.epoch, "commit", random.bytes(64)),
      nextTokenHash: tokenHash(nextToken),
      seatsAdded: add.map(({ seatId }) => seatId),
      seatsRemoved: remove.map(({ seatId }) => seatId),
      welcomes,
    });
    return { ...request, ...change };
  }

  return {
    groupId,
    device,
    founder,
    first,
    newSeat,
    appendRequest,
    commitRequest,
    createRequest: (): DeliveryRequest<"group.create"> =>
      parse(deliveryRequests["group.create"].request, {
        ...founder,
        groupId,
        epochTokenHash: tokenHash(first.epochToken),
      }),
    create() {
      return operations["group.create"](device, this.createRequest());
    },
    append: (seat: ScriptedSeat, at: Place, kind?: AppendKind) =>
      operations["group.append"](device, appendRequest(seat, at, kind)),
    /** -> the reply, and the place that it begins where it was accepted. */
    async commit(seat: ScriptedSeat, at: Place, script: CommitScript = {}) {
      const epochToken = random.bytes(32);
      const reply = await operations["group.commit"](device, commitRequest(seat, at, epochToken, script));
      const next: Place = { ...parseTip(at.epoch + 1, reply.ok ? reply.seq : at.branch), epochToken };
      return { reply, next };
    },
    attachRequest(seat: ScriptedSeat, epochToken?: Uint8Array, cursor = 0) {
      const claim = { ...seat, groupId, cursor, ...(epochToken === undefined ? {} : { epochToken }) };
      return parse(deliveryRequests["group.attach"].request, { seats: [claim] });
    },
    async attach(seat: ScriptedSeat, epochToken?: Uint8Array, cursor = 0) {
      const reply = await operations["group.attach"](device, this.attachRequest(seat, epochToken, cursor));
      const [result] = reply.ok ? reply.results : [];
      if (result === undefined) throw new Error(`attach: ${JSON.stringify(reply)}`);
      return result;
    },
    read: (seat: ScriptedSeat, after = 0, limit = 256): Promise<DeliveryReply<"group.read">> =>
      operations["group.read"](
        device,
        parse(deliveryRequests["group.read"].request, { ...seat, groupId, after, limit }),
      ),
    /** Everything that the seat may read, page by page. */
    async readAll(seat: ScriptedSeat) {
      const seqs: Seq[] = [];
      for (let after = 0; ;) {
        const page = await this.read(seat, after);
        if (!page.ok) throw new Error(page.error.code);
        seqs.push(...page.entries.map(({ seq }) => seq));
        const last = seqs.at(-1);
        if (last === undefined || last === page.headSeq) return seqs;
        after = last;
      }
    },
    confirm: (seat: ScriptedSeat, at: Place) =>
      operations["group.confirm"](device, { ...seat, ...at, groupId }),
    publishLink: (seat: ScriptedSeat, at: Place, linkId: LinkId, card: Uint8Array) =>
      operations["link.publish"](device, { ...seat, ...at, groupId, linkId, card }),
    withdrawLink: (seat: ScriptedSeat, at: Place, linkId: LinkId) =>
      operations["link.withdraw"](device, { ...seat, ...at, groupId, linkId }),
    ack: (seat: ScriptedSeat, seq: number) =>
      operations["cursor.ack"](
        device,
        parse(deliveryRequests["cursor.ack"].request, { ...seat, groupId, seq }),
      ),
  };
}

export type ScriptedGroup = ReturnType<typeof scriptGroup>;

function parseTip(epoch: number, branch: number): { epoch: Epoch; branch: Branch } {
  const { epoch: epochField, branch: branchField } = deliveryRequests["group.append"].request.entries;
  return { epoch: parse(epochField, epoch), branch: parse(branchField, branch) };
}
