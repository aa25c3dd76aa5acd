import { expect, test } from "vitest";
import { orderWebCrypto, settle, watchSealing } from "./settle.ts";

orderWebCrypto();

test("WebCrypto's answers come in the order of asking, however long each takes", async () => {
  const seen: string[] = [];
  const digest = async (name: string, length: number) => {
    await crypto.subtle.digest("SHA-256", new Uint8Array(length));
    seen.push(name);
    await crypto.subtle.digest("SHA-256", new Uint8Array(1));
    seen.push(`${name} again`);
  };
  void digest("long", 30_000_000);
  void digest("short", 1);
  void digest("middle", 1_000_000);
  await settle();
  expect(seen).toEqual(["long", "short", "middle", "long again", "short again", "middle again"]);
});

test("Settling waits for everything that goes on by itself", async () => {
  let rounds = 0;
  const work = async () => {
    for (; rounds < 20; rounds++) await crypto.subtle.digest("SHA-256", new Uint8Array(100_000));
  };
  void work();
  await settle();
  expect(rounds).toBe(20);
});

test("A key from the platform's own generator is refused", async () => {
  await expect(crypto.subtle.generateKey("Ed25519", true, ["sign"])).rejects.toThrow(
    "injected random source",
  );
});

test("A refusal of WebCrypto comes through, and what follows still answers", async () => {
  await expect(
    crypto.subtle.importKey("raw", new Uint8Array(3), "AES-GCM", false, ["encrypt"]),
  ).rejects.toThrow();
  expect((await crypto.subtle.digest("SHA-256", new Uint8Array(1))).byteLength).toBe(32);
});

test("Every encryption is seen with its key", async () => {
  const seen: { key: string; length: number }[] = [];
  watchSealing((key, sealed) => seen.push({ key, length: sealed.length }));
  const key = await crypto.subtle.importKey("raw", new Uint8Array(16).fill(7), "AES-GCM", false, ["encrypt"]);
  await crypto.subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, new Uint8Array(10));
  watchSealing(undefined);
  expect(seen).toEqual([{ key: "07".repeat(16), length: 26 }]);
});
