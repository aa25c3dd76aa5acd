import { OPENMLS_SUITE, OPENMLS_TRAITS, openmlsParticipant } from "./openmls.ts";
import type { Participant } from "./participant.ts";
import type { Name, Traits } from "./schedule.ts";
import { THICKET_TRAITS, thicketParticipant } from "./thicket.ts";

/** An engine to compare with. */
export interface Peer {
  readonly suite: number;
  readonly traits: Traits;
  /** What the client names in a seed are created by; for one seed at a time. */
  create(name: Name, seed: string): Promise<Participant>;
  close(): Promise<void>;
}

export const PEERS: Readonly<Record<string, () => Promise<Peer>>> = {
  openmls: async () => ({
    suite: OPENMLS_SUITE,
    traits: OPENMLS_TRAITS,
    create: (name) => openmlsParticipant(name),
    close: async () => undefined,
  }),
  /** This engine with itself: shows what the harness costs, and that it finds nothing where there is nothing. */
  thicket: async () => ({
    suite: 1,
    traits: THICKET_TRAITS,
    create: (name, seed) => thicketParticipant(name, 1, seed),
    close: async () => undefined,
  }),
};
