import { describeWithPostgres, inMemory, onPostgres } from "@thicket/storage/contract";
import { deliveryRequests, type DeliveryRequest } from "@thicket/protocol";
import { expect, it } from "vitest";
import type { DeliveryService } from "../delivery-service.ts";
import {
  type Place,
  type ScriptedGroup,
  type ScriptedSeat,
  parse,
  scriptGroup,
  seededRandom,
} from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";

const GROUPS = 4;
const ROUNDS = 12;
const AT_ONCE = 40;

interface Known {
  group: ScriptedGroup;
  seats: ScriptedSeat[];
  places: Place[];
  sent: DeliveryRequest<"group.append">[];
}

/** One request of any kind, by an honest or a mistaken client. -> what asks it of a service. */
type Ask = (operations: DeliveryService["operations"]) => Promise<unknown>;

describeWithPostgres("batches on PostgreSQL", () => {
  it.each(Array.from({ length: 6 }, (_, index) => index + 1))(
    "[STORE-SAME-1] of any requests at once are answered as SQLite answers them, seed %i",
    async (seed) => {
      const services = [
        await openForTest(inMemory, { seed }),
        await openForTest(onPostgres, { seed }),
      ] as const;
      const random = seededRandom(seed + 5000);
      const known: Known[] = Array.from({ length: GROUPS }, () => {
        const group = scriptGroup(services[0].operations, random);
        return { group, seats: [group.founder], places: [group.first], sent: [] };
      });
      await askBoth(
        services,
        known.map(
          ({ group }) =>
            (operations) =>
              operations["group.create"](group.device, group.createRequest()),
        ),
      );
      for (let round = 0; round < ROUNDS; round++) {
        const commits: { known: Known; next: Place; added: ScriptedSeat[]; index: number }[] = [];
        const asks: Ask[] = Array.from({ length: AT_ONCE }, (_, index) => {
          const one = known[random.below(GROUPS)] ?? expect.unreachable();
          const { group } = one;
          const seat = one.seats[random.below(one.seats.length)] ?? group.founder;
          const place = one.places[Math.max(0, one.places.length - 1 - random.below(3))] ?? group.first;
          const act = random.below(20);
          if (act < 9) {
            const request = group.appendRequest(
              seat,
              place,
              random.pick(["application", "application", "application", "proposal", "note"] as const),
            );
            one.sent.push(request);
            const wrong = random.below(10) === 0 ? { epochToken: random.bytes(32) } : {};
            return (operations) => operations["group.append"](group.device, { ...request, ...wrong });
          }
          if (act < 11) {
            const request = one.sent[random.below(one.sent.length || 1)];
            if (request !== undefined) {
              const other = random.below(3) === 0 ? { bytes: random.bytes(70) } : {};
              return (operations) => operations["group.append"](group.device, { ...request, ...other });
            }
          }
          if (act < 13) {
            const added = Array.from({ length: random.below(3) }, () => group.newSeat());
            const others = one.seats.filter(({ seatId }) => seatId !== group.founder.seatId);
            const remove = others.filter(() => random.below(6) === 0);
            const epochToken = random.bytes(32);
            const later = one.places.find(({ branch }) => branch > place.branch);
            const change = later !== undefined && random.below(2) === 0 ? { supersedes: later.branch } : {};
            const request = group.commitRequest(seat, place, epochToken, { add: added, remove, change });
            const next = { ...place, epochToken };
            commits.push({ known: one, next, added, index });
            return (operations) => operations["group.commit"](group.device, request);
          }
          if (act < 16) {
            const seq = random.below(3 + one.sent.length);
            const request = parse(deliveryRequests["cursor.ack"].request, {
              ...seat,
              groupId: group.groupId,
              seq,
            });
            return (operations) => operations["cursor.ack"](group.device, request);
          }
          const token = random.below(4) === 0 ? random.bytes(32) : place.epochToken;
          const seats = [{ ...seat, groupId: group.groupId, cursor: 0, epochToken: token }];
          const request = parse(deliveryRequests["group.attach"].request, { seats });
          return (operations) => operations["group.attach"](group.device, request);
        });
        const replies = await askBoth(services, asks);
        for (const test of services) {
          test.clock.now += 10_000;
          if (round % 4 === 3) test.clock.now += 60 * 60 * 1000;
          await test.service.sweep();
        }
        for (const { known: one, next, added, index } of commits) {
          const reply = parse(deliveryRequests["group.commit"].reply, replies[index]);
          if (!reply.ok) continue;
          const [from] = one.places.filter(({ branch }) => branch === next.branch);
          const place = { ...next, epoch: (from?.epoch ?? 0) + 1, branch: reply.seq };
          one.places.push(parsePlace(place));
          one.seats.push(...added);
        }
      }
      await compareAll(services, known);
      for (const test of services) {
        expect(test.faults).toEqual([]);
        await test.close();
      }
    },
  );
});

function parsePlace({
  epoch,
  branch,
  epochToken,
}: {
  epoch: number;
  branch: number;
  epochToken: Uint8Array;
}): Place {
  const { epoch: epochField, branch: branchField } = deliveryRequests["group.append"].request.entries;
  return { epoch: parse(epochField, epoch), branch: parse(branchField, branch), epochToken };
}

/** Asks both services all of it at once, and expects the same answers. */
async function askBoth([sqlite, postgres]: readonly [TestService, TestService], asks: readonly Ask[]) {
  const [expected, found] = await Promise.all(
    [sqlite, postgres].map(({ operations }) => Promise.all(asks.map((ask) => ask(operations)))),
  );
  expect(found).toEqual(expected);
  expect(postgres.told).toEqual(sqlite.told);
  return expected ?? [];
}

/** What each seat reads, and where each group stands. */
async function compareAll(services: readonly [TestService, TestService], known: readonly Known[]) {
  await askBoth(
    services,
    known.flatMap(({ group, seats }) =>
      seats.map((seat): Ask => {
        const read = { ...seat, groupId: group.groupId, after: 0, limit: 256 };
        const request = parse(deliveryRequests["group.read"].request, read);
        return (operations) => operations["group.read"](group.device, request);
      }),
    ),
  );
}
