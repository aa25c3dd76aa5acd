import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createRateLimit } from "./rate-limit.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const codes = async (take: ReturnType<typeof createRateLimit>, key: string, times: number) => {
  const taken: string[] = [];
  for (let time = 0; time < times; time++) taken.push((await take(key))?.code ?? "fine");
  return taken;
};

describe("the rate limit", () => {
  it("lets so many through in each stretch of time, each key on its own", async () => {
    const take = createRateLimit({ name: "a", points: 2, seconds: 1 });
    expect(await codes(take, "a", 3)).toEqual(["fine", "fine", "RATE_LIMITED"]);
    expect(await take("b")).toBeUndefined();
    vi.advanceTimersByTime(400);
    expect(await take("a")).toEqual({ code: "RATE_LIMITED", limit: 2, retryAfter: 600 });
    vi.advanceTimersByTime(600);
    expect(await codes(take, "a", 3)).toEqual(["fine", "fine", "RATE_LIMITED"]);
  });

  it("lets a burst through besides, once a minute", async () => {
    const take = createRateLimit({ name: "a", points: 1, seconds: 1, burst: 3 });
    expect(await codes(take, "a", 5)).toEqual(["fine", "fine", "fine", "fine", "RATE_LIMITED"]);
    vi.advanceTimersByTime(1000);
    expect(await codes(take, "a", 2)).toEqual(["fine", "RATE_LIMITED"]);
    vi.advanceTimersByTime(60_000);
    expect(await codes(take, "a", 5)).toEqual(["fine", "fine", "fine", "fine", "RATE_LIMITED"]);
  });

  it("counts several turns at once", async () => {
    const take = createRateLimit({ name: "a", points: 10, seconds: 1 });
    expect(await take("a", 10)).toBeUndefined();
    expect(await take("a", 1)).toMatchObject({ code: "RATE_LIMITED", limit: 10 });
  });
});
