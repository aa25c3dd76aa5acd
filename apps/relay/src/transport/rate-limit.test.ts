import { describe, expect, it } from "vitest";
import { createRateLimit } from "./rate-limit.ts";

describe("the rate limit", () => {
  it("lets a burst through, then so many a second, each key on its own", () => {
    const clock = { now: 1000 };
    const take = createRateLimit({ burst: 3, perSecond: 2 }, () => clock.now);
    expect([take("a").ok, take("a").ok, take("a").ok]).toEqual([true, true, true]);
    expect(take("a")).toEqual({ ok: false, retryAfter: 500 });
    expect(take("b")).toEqual({ ok: true });
    clock.now += 499;
    expect(take("a")).toEqual({ ok: false, retryAfter: 1 });
    clock.now += 1;
    expect(take("a")).toEqual({ ok: true });
    expect(take("a").ok).toBe(false);
    clock.now += 60_000;
    expect([take("a").ok, take("a").ok, take("a").ok, take("a").ok]).toEqual([true, true, true, false]);
  });

  it("neither gives nor takes when the clock goes back", () => {
    const clock = { now: 10_000 };
    const take = createRateLimit({ burst: 1, perSecond: 1 }, () => clock.now);
    expect(take("a").ok).toBe(true);
    clock.now = 0;
    expect(take("a")).toEqual({ ok: false, retryAfter: 1000 });
    clock.now = 1000;
    expect(take("a").ok).toBe(true);
  });
});
