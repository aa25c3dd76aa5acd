import { describe, expect, it } from "vitest";
import { createAsKey, createRealDevice, seededRandom } from "../testing/index.ts";
import { createLoginCheck } from "./create-login-check.ts";

const NOW = 1_800_000_000_000;
const DAY = 24 * 60 * 60 * 1000;

async function setUp() {
  const random = seededRandom(5);
  const as = await createAsKey(random);
  const device = await createRealDevice(random, as, NOW);
  const clock = { now: NOW };
  const check = createLoginCheck({ trustedAsKeys: () => [as.asKey], now: () => clock.now });
  const connection = { nonce: random.bytes(32), origin: "https://chat.example", socketId: "a1b2" };
  return { random, device, clock, check, connection };
}

describe("login to the Delivery Service", () => {
  it("[DS-LOGIN-1] lets in the device that signed this connection's nonce, origin and socket id for this service, and nobody else", async () => {
    const { random, device, check, connection } = await setUp();
    const login = await device.login({ role: "ds", ...connection });
    const shown = {
      attestation: Uint8Array.from(login.attestation),
      deviceCertificate: Uint8Array.from(login.deviceCertificate),
      signature: Uint8Array.from(login.signature),
    };
    expect(await check(shown, connection)).toEqual(device.identity);
    for (const other of [
      { ...connection, nonce: random.bytes(32) },
      { ...connection, origin: "https://other.example" },
      { ...connection, socketId: "c3d4" },
    ]) {
      expect(await check(shown, other)).toBeUndefined();
    }
    const forAs = await device.login({ role: "as", ...connection });
    expect(
      await check({ ...shown, signature: Uint8Array.from(forAs.signature) }, connection),
    ).toBeUndefined();
    const otherAs = createLoginCheck({ trustedAsKeys: () => [], now: () => NOW });
    expect(await otherAs(shown, connection)).toBeUndefined();
  });

  it("lets in no device whose attestation has run out", async () => {
    const { device, check, clock, connection } = await setUp();
    const { attestation, deviceCertificate, signature } = await device.login({ role: "ds", ...connection });
    const shown = {
      attestation: Uint8Array.from(attestation),
      deviceCertificate: Uint8Array.from(deviceCertificate),
      signature: Uint8Array.from(signature),
    };
    clock.now += 89 * DAY;
    expect(await check(shown, connection)).toEqual(device.identity);
    clock.now += 2 * DAY;
    expect(await check(shown, connection)).toBeUndefined();
  });
});
