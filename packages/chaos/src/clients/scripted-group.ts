import { createHash } from "node:crypto";
import { parse, privateMessage, type SeededRandom } from "@thicket/delivery-service/testing";
import { GroupId, toHex } from "@thicket/protocol";
import { wire } from "./device.ts";

/** The requests of the one seat of a group of its own, as they go on the wire. */
export interface OwnGroup {
  readonly groupId: GroupId;
  readonly seatId: string;
  readonly seatToken: Buffer;
  readonly epochToken: Buffer;
  createRequest(): object;
  appendRequest(content: Buffer): object;
}

export function createOwnGroup(random: SeededRandom): OwnGroup {
  const groupId = parse(GroupId, toHex(random.bytes(32)));
  const seat = { groupId, seatId: toHex(random.bytes(16)), seatToken: Buffer.from(random.bytes(32)) };
  const epochToken = Buffer.from(random.bytes(32));
  return {
    ...seat,
    epochToken,
    createRequest: () => ({ ...seat, epochTokenHash: createHash("sha256").update(epochToken).digest() }),
    appendRequest: (content) => ({
      ...seat,
      epochToken,
      epoch: 0,
      branch: 0,
      entryId: toHex(random.bytes(16)),
      kind: "application",
      bytes: wire(privateMessage(groupId, 0, "application", content)),
    }),
  };
}
