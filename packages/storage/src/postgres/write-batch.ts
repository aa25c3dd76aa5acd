import type { ClientBase } from "pg";
import type { Model, Transaction } from "../access.ts";
import type { StoreDefinition } from "../definition.ts";
import { BatchEnded } from "../describe-failure.ts";
import type { Job } from "../write-queue.ts";
import { command, query } from "./connect.ts";
import { kyselyOverPg } from "./kysely-over-pg.ts";

/** What is under way between BEGIN and COMMIT. */
interface UnderWay<M extends Model> {
  client: ClientBase;
  batch: ReturnType<StoreDefinition<M>["hot"]["postgres"]["batch"]>;
  job: Job<M> | undefined;
  /** The job has a savepoint to go back to. */
  saved: boolean;
  /** A statement failed: nothing more is taken before going back. */
  broken: boolean;
  /** Sent on their way: what comes next is carried out after them. */
  sent: Promise<void>[];
}

/** Without waiting for the answer, which shares a round trip with that of the next statement. */
function send<M extends Model>(now: UnderWay<M>, text: string): void {
  const sent = command(now.client, text);
  // Looked at before the end of the batch; what comes next fails as well.
  sent.catch(() => undefined);
  now.sent.push(sent);
}

/**
 * Commits batches of writes on one connection. What they are about is locked and fetched at once; a write that keeps
 * to the hot statements costs no round trip of its own, any other gets a savepoint.
 */
export function createWriter<M extends Model>(definition: StoreDefinition<M>) {
  let underWay: UnderWay<M> | undefined;

  function current(): UnderWay<M> {
    if (underWay === undefined) throw new Error("a transaction is used after its write");
    return underWay;
  }

  async function run(text: string, values: readonly unknown[]) {
    const now = current();
    try {
      return await query(now.client, text, values);
    } catch (error) {
      now.broken = true;
      throw error;
    }
  }

  /** What waits in the buffers comes before a statement in the middle of a write. */
  async function prepareFor(kind: "read" | "write"): Promise<void> {
    const now = current();
    await now.batch.flush("kept");
    if (!now.saved && (kind === "write" || now.batch.isPending())) {
      send(now, "SAVEPOINT request");
      now.saved = true;
    }
    await now.batch.flush("own");
  }

  async function inTheMiddle(kind: "read" | "write", text: string, values: readonly unknown[]) {
    await prepareFor(kind);
    return run(text, values);
  }

  const kysely = kyselyOverPg<M["schema"]>(async (text, values) => {
    const kind = text.startsWith("select") ? "read" : "write";
    const result = await inTheMiddle(kind, text, values);
    const { batch, job } = current();
    if (kind === "write" && job !== undefined) batch.forget(job.plan);
    return result;
  });

  async function runJob(job: Job<M>, later: Iterable<M["plan"]>, transaction: Transaction<M>): Promise<void> {
    const now = current();
    const { batch } = now;
    await batch.fetch(job.plan, later);
    now.job = job;
    now.saved = false;
    const refusal = await job.run(transaction);
    now.job = undefined;
    if (refusal === undefined) {
      if (now.broken) throw new Error("a write went on after a statement of it had failed");
      batch.keep();
      if (now.saved) send(now, "RELEASE SAVEPOINT request");
      return;
    }
    batch.discard();
    if (now.saved) {
      send(now, "ROLLBACK TO SAVEPOINT request; RELEASE SAVEPOINT request");
      batch.forget(job.plan);
      now.broken = false;
    }
    // Without a savepoint all of the batch is lost with it; the others are run again without this one.
    if (now.broken) throw new Error("a statement failed outside of any savepoint");
  }

  return {
    /**
     * All of the batch in one transaction; what a job refuses leaves no trace.
     * @throws BatchEnded or what made it fail; the transaction is then to be rolled back.
     */
    async commit(client: ClientBase, jobs: readonly Job<M>[]): Promise<void> {
      const rows = async (text: string, values: readonly unknown[]) => (await run(text, values)).rows;
      const batch = definition.hot.postgres.batch({
        run: rows,
        read: async (text, values) => (await inTheMiddle("read", text, values)).rows,
        write: async (text, values) => (await inTheMiddle("write", text, values)).rows,
      });
      const transaction: Transaction<M> = {
        query: kysely,
        change: kysely,
        hot: batch.hot,
        async lock(name) {
          await run("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || $1, 1))", [name]);
        },
      };
      underWay = { client, batch, job: undefined, saved: false, broken: false, sent: [] };
      try {
        send(underWay, "BEGIN ISOLATION LEVEL READ COMMITTED");
        for (const [index, job] of jobs.entries()) {
          await runJob(job, plansFrom(jobs, index + 1), transaction);
        }
        await end(underWay);
      } finally {
        underWay = undefined;
      }
    },
  };
}

/** The last writes and COMMIT, in one round trip. @throws what kept the batch from being committed. */
async function end<M extends Model>({ client, batch, sent }: UnderWay<M>): Promise<void> {
  const flushed = batch.flush("kept");
  const committed = client.query("COMMIT").catch((error: unknown) => {
    throw new BatchEnded("lost", error);
  });
  const [commit, ...others] = await Promise.allSettled([committed, flushed, ...sent]);
  if (commit.status === "rejected") throw commit.reason;
  const failed = others.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  // The server ends a transaction that has failed in a ROLLBACK, and calls that no error.
  if (commit.value.command !== "COMMIT") throw new Error("the transaction was rolled back");
}

function* plansFrom<M extends Model>(jobs: readonly Job<M>[], first: number): Generator<M["plan"]> {
  for (let index = first; index < jobs.length; index++) yield jobs[index]?.plan;
}
