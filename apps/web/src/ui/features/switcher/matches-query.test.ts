import { expect, test } from "vitest";
import { matchesQuery } from "./matches-query.ts";

test("all words of the query must be in the text, in any order, case or accent", () => {
  expect(matchesQuery("Sunday walk bob Zoë", "WALK sun")).toBe(true);
  expect(matchesQuery("Sunday walk bob Zoë", "zoe")).toBe(true);
  expect(matchesQuery("Sunday walk", "")).toBe(true);
  expect(matchesQuery("Sunday walk", "walk monday")).toBe(false);
});
