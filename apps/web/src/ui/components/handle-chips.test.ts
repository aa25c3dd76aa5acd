import { expect, test } from "vitest";
import { tidyHandle, withHandles } from "./handle-chips.tsx";

test("a handle is tidied, not judged", () => {
  expect(tidyHandle(" @Alice ")).toBe("alice");
  expect(tidyHandle("no spaces!")).toBe("no spaces!");
});

test("pasted handles are taken apart, each once, and earlier ones keep their problems", () => {
  const chips = [{ handle: "bob", problem: "unknown" }];
  expect(withHandles(chips, "@Bob, carol;dave\ncarol ")).toEqual([
    { handle: "bob", problem: "unknown" },
    { handle: "carol" },
    { handle: "dave" },
  ]);
  expect(withHandles(chips, " , ")).toEqual(chips);
});
