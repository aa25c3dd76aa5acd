import { setTimeout as wait } from "node:timers/promises";
import { Client, Pool, type PoolClient } from "pg";
import type { Model, Reader } from "../access.ts";
import type { StoreDefinition } from "../definition.ts";
import { BatchEnded, describeFailure } from "../describe-failure.ts";
import type { Dialect, Health } from "../dialect.ts";
import { refuse, type Refusal } from "../outcome.ts";
import { DatabaseStartError } from "../start-error.ts";
import type { Job } from "../write-queue.ts";
import { command, type PostgresLocation, query, type Server, serverOf } from "./connect.ts";
import { kyselyOverPg } from "./kysely-over-pg.ts";
import { checkAgain, makeReady, unreadable } from "./make-ready.ts";
import { createWriter } from "./write-batch.ts";

/** How often a batch is run when others are in its way. */
const ATTEMPTS = 8;
/** Reads that may be under way at the same time. */
const READERS = 4;
/** Pause before connecting anew (ms), doubled each time. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5000;

/**
 * One connection writes, in batches; some others read. A connection that is lost is opened anew, for as long as it takes.
 * @throws DatabaseStartError
 */
export async function openPostgres<M extends Model>(
  location: PostgresLocation,
  definition: StoreDefinition<M>,
  onFault: (error: unknown) => void,
): Promise<Dialect<M>> {
  const server = serverOf(location, definition.name);
  const writing = await openWriting(server, definition, onFault);
  const readers = openReaders(server, definition, onFault);
  return {
    runBatch: writing.runBatch,
    health: writing.health,
    read: readers.read,
    async close() {
      await readers.close();
      await writing.close();
    },
  };
}

async function openWriting<M extends Model>(
  server: Server,
  definition: StoreDefinition<M>,
  onFault: (error: unknown) => void,
) {
  const closing = new AbortController();
  const writer = createWriter(definition);
  let health: Health = "ok";
  let client: Client | undefined = await firstConnection(server, definition);
  watch(client);

  function watch(opened: Client): void {
    // Also while nothing is asked of it: what comes next then finds it open again.
    opened.on("error", () => lose(opened));
    opened.on("end", () => lose(opened));
  }

  function lose(lost: Client): void {
    if (client !== lost) return;
    client = undefined;
    void discard(lost);
    if (closing.signal.aborted) return;
    health = "failing";
    void connectAgain();
  }

  async function connectAgain(): Promise<void> {
    const { signal } = closing;
    for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      let opened: Client | undefined;
      try {
        opened = await connect(server);
        await checkAgain(opened, server, definition);
        if (signal.aborted) break;
        client = opened;
        health = "ok";
        watch(opened);
        return;
      } catch (error) {
        if (opened !== undefined) void discard(opened);
        if (error instanceof DatabaseStartError) onFault(error);
      }
      await wait(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  async function runBatch(batch: readonly Job<M>[]): Promise<readonly (Refusal | undefined)[]> {
    for (let attempt = 1; ; attempt++) {
      const used = client;
      if (used === undefined) {
        health = "failing";
        return batch.map(() => refuse("STORE_FAILED"));
      }
      try {
        await writer.commit(used, batch);
        // The connection may be gone by the time its last answer is taken.
        if (client === used) health = "ok";
        return batch.map(() => undefined);
      } catch (error) {
        if (error instanceof BatchEnded && error.reason === "lost") {
          // Whether a COMMIT that got no answer was carried out nobody knows: it isn't acknowledged, and its resend
          // is recognised.
          onFault(error);
          lose(used);
          return batch.map(() => refuse("STORE_FAILED"));
        }
        await command(used, "ROLLBACK").catch(() => lose(used));
        if (error instanceof BatchEnded && attempt < ATTEMPTS) {
          // At another moment than whoever was in the way.
          await wait(attempt * attempt * (1 + (process.hrtime()[1] % 7)));
          continue;
        }
        if (batch.length > 1) return oneByOne(batch);
        onFault(error);
        health = "failing";
        return [refuse(describeFailure(error))];
      }
    }
  }

  /** One that can't be stored doesn't take the others with it. */
  async function oneByOne(batch: readonly Job<M>[]): Promise<(Refusal | undefined)[]> {
    const failures: (Refusal | undefined)[] = [];
    for (const job of batch) failures.push(...(await runBatch([job])));
    return failures;
  }

  return {
    runBatch,
    health: () => health,
    async close() {
      closing.abort();
      const open = client;
      client = undefined;
      await open?.end();
    },
  };
}

async function firstConnection<M extends Model>(
  server: Server,
  definition: StoreDefinition<M>,
): Promise<Client> {
  let opened: Client | undefined;
  try {
    opened = await connect(server);
    await makeReady(opened, server, definition);
    return opened;
  } catch (error) {
    if (opened !== undefined) await discard(opened);
    if (error instanceof DatabaseStartError) throw error;
    throw unreadable(server, "can't be reached or doesn't let Thicket in", error);
  }
}

async function connect(server: Server): Promise<Client> {
  const client = new Client({ ...server.config, pipeline: true });
  // Without a listener an error would end the process; whoever waits for an answer is told as well.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function discard(client: Client): Promise<void> {
  try {
    await client.end();
  } catch {
    // It was broken anyway.
  }
}

function openReaders<M extends Model>(
  server: Server,
  definition: StoreDefinition<M>,
  onFault: (error: unknown) => void,
): { read: NonNullable<Dialect<M>["read"]>; close(): Promise<void> } {
  const pool = new Pool({ ...server.config, max: READERS, idleTimeoutMillis: 0 });
  // An idle connection that breaks is dropped by the pool.
  pool.on("error", () => undefined);
  // One that is in use has no listener of the pool's: without ours its end would be the end of the process.
  pool.on("connect", (client) => void client.on("error", () => undefined));
  const readers = new WeakMap<PoolClient, Reader<M>>();

  function readerOf(client: PoolClient): Reader<M> {
    let reader = readers.get(client);
    if (reader === undefined) {
      const run = async (text: string, values: readonly unknown[]) => query(client, text, values);
      reader = {
        query: kyselyOverPg<M["schema"]>(run),
        hot: definition.hot.postgres.reads(async (text, values) => (await run(text, values)).rows),
      };
      readers.set(client, reader);
    }
    return reader;
  }

  return {
    async read(operation) {
      let client: PoolClient | undefined;
      try {
        client = await pool.connect();
        await command(client, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        const reply = await operation(readerOf(client));
        await command(client, "COMMIT");
        client.release();
        return reply;
      } catch (error) {
        onFault(error);
        // Whatever state it is in, the next one gets a fresh one.
        client?.release(true);
        return refuse(client === undefined ? "STORE_FAILED" : describeFailure(error));
      }
    },
    close: () => pool.end(),
  };
}
