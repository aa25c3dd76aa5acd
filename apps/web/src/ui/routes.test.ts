import { expect, test } from "vitest";
import { formatRoute, parseRoute, type Route } from "./routes.ts";

const conversationId = "0123456789abcdef0123456789abcdef";

test.each<Route>([
  { page: "home", overlay: undefined },
  { page: "home", overlay: "new" },
  { page: "settings", overlay: undefined },
  { page: "conversation", conversationId, members: false, overlay: undefined },
  { page: "conversation", conversationId, members: true, overlay: undefined },
  { page: "conversation", conversationId, members: false, overlay: "find" },
])("an address leads back to the route it was made from: %j", (route) => {
  const address = new URL(formatRoute(route), "https://chat.example");
  expect(parseRoute(address.pathname, address.search)).toEqual(route);
});

test.each([
  "/c",
  "/c/",
  "/c/NOT-HEX",
  "/c/ab/members/more",
  "/c/ab/else",
  "/settings/x",
  "/x",
  "",
  "/c/..%2f",
])("an address that means nothing is home: %s", (path) => {
  expect(parseRoute(path)).toEqual({ page: "home", overlay: undefined });
});

test("an unknown overlay is ignored", () => {
  expect(parseRoute("/settings", "?open=anything")).toEqual({ page: "settings", overlay: undefined });
});
