import type { SeededRandom } from "@thicket/delivery-service/testing";
import type { Digest } from "../history.ts";
import type { Client } from "./client.ts";
import type { Group, Membership } from "./group.ts";

/** What a Welcome means to the device that it is for. */
export interface Invitation {
  readonly group: Group;
  readonly seatId: string;
  readonly epochToken: Buffer;
}

/** A link that some member has made, and that everybody has. */
export interface Link {
  readonly linkId: string;
  readonly groupId: string;
  /** Whether the relay has said that it leads there. */
  leads: boolean;
}

/** What the acts of one round share. */
export interface World {
  readonly clients: readonly Client[];
  readonly groups: readonly Group[];
  /** By the Welcome's payload. */
  readonly invitations: Map<Digest, Invitation>;
  readonly links: Link[];
  /** True once no new act may begin. */
  stopping: boolean;
}

/** What one act draws from; each lane has its own, so that the others' pace doesn't change its choices. */
export interface Lane {
  readonly world: World;
  readonly client: Client;
  readonly random: SeededRandom;
  /** Writes whose outcome is unknown, to be sent again as they were. */
  readonly unsettled: Again[];
  /** Some of the writes that were taken. */
  readonly taken: { again: Again; seq: number; membership: Membership }[];
}

/** Sends the same bytes once more. */
export type Again = () => Promise<void>;

export function oneOf<T>(random: SeededRandom, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}
