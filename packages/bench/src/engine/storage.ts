import { diffGroup } from "@thicket/mls";
import { named, type Samples, timed } from "./samples.ts";
import { foundSparse } from "./groups.ts";
import { thicket } from "./thicket.ts";

const DATABASE = "bench";
const STORE = "records";
const ROUNDS = 60;

/**
 * The strict IndexedDB transaction that stores a message with the state that it changed, beside one that stores
 * nothing and one that stores a single byte.
 */
export async function measureStorage(size: number): Promise<Samples> {
  const samples: Samples = {};
  const engine = thicket(1);
  const { founder, welcome, guests } = await foundSparse(1, size, [engine], 1);
  let member = await engine.join(welcome, keysOf(guests[0]?.keys));
  let sender = founder;
  const database = await open();
  const operation = named("strict transaction of a message", size);
  await write(database, diffGroup(undefined, member).put);
  for (let round = 0; round < ROUNDS; round++) {
    const sent = await engine.send(sender, new Uint8Array(1024).fill(round));
    const received = await engine.receive(member, sent.message);
    const puts = diffGroup(member, received.group).put;
    const row: Put = [`message/${round}`, received.data];
    await timed(samples, operation, "thicket", () => write(database, [...puts, row]));
    await timed(samples, operation, "floor", () => write(database, []));
    await timed(samples, `${operation}, against one byte`, "floor", () =>
      write(database, [["byte", Uint8Array.of(round)]]),
    );
    sender = sent.group;
    member = received.group;
  }
  samples[`${operation}, against one byte`] = {
    ...samples[`${operation}, against one byte`],
    thicket: [...(samples[operation]?.["thicket"] ?? [])],
  };
  database.close();
  return samples;
}

type Put = readonly [key: string, value: Uint8Array];

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the guest is our own engine's
const keysOf = (keys: unknown) => keys as Parameters<ReturnType<typeof thicket>["join"]>[1];

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(new Error("IndexedDB does not open")));
  });
}

function write(database: IDBDatabase, puts: readonly Put[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(new Error("the transaction aborted")));
    for (const [key, value] of puts) transaction.objectStore(STORE).put(value, key);
    transaction.commit();
  });
}
