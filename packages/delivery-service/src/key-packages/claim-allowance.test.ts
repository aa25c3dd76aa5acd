import { expect, test } from "vitest";
import { deviceFrom, seededRandom } from "../testing/index.ts";
import { createClaimAllowance } from "./claim-allowance.ts";

const random = seededRandom(5);
const [mallory, bob] = [deviceFrom(random), deviceFrom(random)];

test("more devices of one user don't claim more", () => {
  const allowance = createClaimAllowance({ now: () => 0, perHour: 2 });
  const claims = Array.from({ length: 3 }, () => {
    const { deviceId } = deviceFrom(random);
    return allowance.take({ ...mallory, deviceId }, [bob]).ok;
  });
  expect(claims).toEqual([true, true, false]);
});

test("who asks for devices that have no packages fills no memory, and pays for none", () => {
  const allowance = createClaimAllowance({ now: () => 0, perHour: 1 });
  for (let asked = 0; asked < 100; asked++) {
    const targets = [bob, ...Array.from({ length: 10 }, () => deviceFrom(random))];
    const turn = allowance.take(mallory, targets);
    if (!turn.ok) throw new Error("nothing was claimed yet");
    turn.giveBack(targets);
  }
  expect(allowance.size()).toBe(0);
  const turn = allowance.take(mallory, [bob]);
  expect(turn.ok).toBe(true);
  expect(allowance.take(mallory, [bob])).toEqual({ ok: false, retryAfter: 3_600_000 });
});
