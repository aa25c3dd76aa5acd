import { afterEach, expect, test, vi } from "vitest";
import { forgetKeys, foundSparse } from "./groups.ts";
import { thicket } from "./thicket.ts";

const GROUP = 20;

afterEach(() => {
  vi.restoreAllMocks();
});

test("who joins after forgetKeys imports the key of every member, the second time too", async () => {
  const engine = thicket(1);
  const { welcome, guests } = await foundSparse(1, GROUP, [engine], 1);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the guest is our own engine's
  const keys = guests[0]?.keys as Parameters<typeof engine.join>[1];
  const imports = vi.spyOn(crypto.subtle, "importKey");
  const verifyingKeys = () => imports.mock.calls.filter(([, , algorithm]) => algorithm === "Ed25519").length;
  for (let i = 0; i < 2; i++) {
    await forgetKeys(1);
    imports.mockClear();
    await engine.join(welcome, keys);
    expect(verifyingKeys()).toBeGreaterThanOrEqual(GROUP);
  }
});
