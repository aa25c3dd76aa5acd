import { type MlsFrame, startFirefox } from "./firefox-browser.ts";
import { FIREFOX_SUITE, FIREFOX_TRAITS, firefoxParticipant } from "./firefox.ts";
import { OPENMLS_SUITE, OPENMLS_TRAITS, openmlsParticipant } from "./openmls.ts";
import type { Participant } from "./participant.ts";
import type { Name, Traits } from "./schedule.ts";
import { THICKET_TRAITS, thicketParticipant } from "./thicket.ts";

/** An engine to compare with. */
export interface Peer {
  readonly suite: number;
  readonly traits: Traits;
  /** Seeds at a time: while some wait for the other engine, the others work. */
  readonly lanes: number;
  /** Room for the clients of one seed. */
  room(seed: string): Promise<Room>;
  close(): Promise<void>;
}

export interface Room {
  create(name: Name): Promise<Participant>;
  leave(): Promise<void>;
}

const nothing = async () => undefined;

export const PEERS: Readonly<Record<string, () => Promise<Peer>>> = {
  openmls: async () => ({
    suite: OPENMLS_SUITE,
    traits: OPENMLS_TRAITS,
    lanes: 2,
    room: async () => ({ create: openmlsParticipant, leave: nothing }),
    close: nothing,
  }),
  firefox: async () => {
    const browser = await startFirefox();
    return {
      suite: FIREFOX_SUITE,
      traits: FIREFOX_TRAITS,
      lanes: 12,
      async room() {
        const frames: MlsFrame[] = [];
        return {
          async create(name) {
            const frame = await browser.frame();
            frames.push(frame);
            return firefoxParticipant(name, frame);
          },
          leave: async () => void (await Promise.all(frames.map((frame) => frame.leave()))),
        };
      },
      close: () => browser.close(),
    };
  },
  /** This engine with itself: shows what the harness costs, and that it finds nothing where there is nothing. */
  thicket: async () => ({
    suite: 1,
    traits: THICKET_TRAITS,
    lanes: 2,
    room: async (seed) => ({ create: (name) => thicketParticipant(name, 1, seed), leave: nothing }),
    close: nothing,
  }),
};
