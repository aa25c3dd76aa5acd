import { type Codec, decode, encode, opaque, optional, struct, u16, u64, vector } from "../codec/codec.ts";
import { type Credential, credentialCodec } from "../credential.ts";
import { proposalBodies, type ReInit } from "../proposal.ts";
import { membersOf } from "../tree/ratchet-tree.ts";
import { type GroupState, heldBy } from "./group-state.ts";
import type { HeldResumptionPsk } from "./pre-shared-keys.ts";

/**
 * What is needed of an epoch of a group to join one that was reinitialized or branched from it (RFC 9420 §11.2,
 * §11.3). Holds the epoch's resumption PSK, so it's a secret.
 */
export interface Predecessor extends HeldResumptionPsk {
  readonly cipherSuite: number;
  /** The ReInit that the epoch's commit carried. */
  readonly reinit: ReInit | undefined;
  /** Of all members of the epoch. */
  readonly credentials: readonly Credential[];
}

/**
 * What to keep of an epoch after it has ended, for a branch from it that is still under way (§8.6: keep few, and
 * briefly); of a closed group, all that its successor takes.
 */
export function predecessorOf(state: GroupState): Predecessor {
  return {
    ...heldBy(state),
    cipherSuite: state.suite.id,
    reinit: state.reinit,
    credentials: membersOf(state.tree).map(({ leafNode }) => leafNode.credential),
  };
}

const predecessorCodec: Codec<Predecessor> = struct<Predecessor>({
  groupId: opaque,
  epoch: u64,
  resumptionPsk: opaque,
  cipherSuite: u16,
  reinit: optional(proposalBodies.reinit),
  credentials: vector(credentialCodec),
});

/** For the application's storage: a secret. */
export const encodePredecessor = (predecessor: Predecessor): Uint8Array =>
  encode(predecessorCodec, predecessor);
/** Throws MlsError DECODE_. */
export const decodePredecessor = (bytes: Uint8Array): Predecessor => decode(predecessorCodec, bytes);
