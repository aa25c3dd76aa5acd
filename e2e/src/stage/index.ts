import { test as base } from "@playwright/test";
import type { BrowserName } from "./browser.ts";
import { createPerson, type Person, type PersonOptions } from "./person.ts";
import { createRelay, freePort, type RelayProcess } from "./relay-process.ts";
import { createWiretap, type Wiretap } from "./wiretap.ts";

export { expect } from "@playwright/test";
export type { Person } from "./person.ts";

export interface StageOptions {
  /** What everybody uses: each Playwright project has one. */
  browserKind: BrowserName;
  workerPrelude: string | undefined;
  plantedMarkup: string | undefined;
}

interface Stage extends StageOptions {
  relay: RelayProcess;
  /** Everybody's browser reaches the relay through it. */
  wiretap: Wiretap;
  origin: string;
  /** A new person with a closed browser. */
  person: (name: string, options?: PersonOptions) => Promise<Person>;
  /** People who have opened their browsers and signed up. */
  people: <const N extends readonly string[]>(...names: N) => Promise<{ [K in keyof N]: Person }>;
}

export const test = base.extend<Stage>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads a fixture's needs from this pattern
  wiretap: async ({}, use) => {
    const wiretap = await createWiretap(await freePort());
    await use(wiretap);
    await wiretap.close();
  },
  browserKind: ["chromium", { option: true }],
  workerPrelude: [undefined, { option: true }],
  plantedMarkup: [undefined, { option: true }],
  relay: async ({ wiretap, workerPrelude, plantedMarkup }, use, info) => {
    const relay = await createRelay({
      publicPort: wiretap.port,
      ...(workerPrelude !== undefined && { workerPrelude }),
      ...(plantedMarkup !== undefined && { plantedMarkup }),
    });
    wiretap.aim(relay.port);
    await relay.start();
    await use(relay);
    if (info.status !== info.expectedStatus) await info.attach("relay.log", { body: relay.log() });
    await relay.dispose();
  },
  origin: async ({ relay: _relay, wiretap }, use) => {
    await use(`http://localhost:${wiretap.port}`);
  },
  person: async ({ origin, browserKind }, use) => {
    const all: Person[] = [];
    await use(async (name, options) => {
      const person = await createPerson(name, origin, { browser: browserKind, ...options });
      all.push(person);
      return person;
    });
    await Promise.all(all.map((person) => person.dispose()));
  },
  people: async ({ person }, use) => {
    await use(async (...names) => {
      const all: Person[] = [];
      for (const name of names) {
        const somebody = await person(name);
        await somebody.open();
        await somebody.signUp();
        all.push(somebody);
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one person was pushed for each name
      return all as { [K in keyof typeof names]: Person };
    });
  },
});
