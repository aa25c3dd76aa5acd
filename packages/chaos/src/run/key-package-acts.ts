import { SUITE } from "../clients/device.ts";
import type { Claim, CountPackages, Publish } from "../history.ts";
import { digestOf } from "./recorder.ts";
import type { Client } from "./client.ts";
import type { Lane } from "./world.ts";

const PUBLISHED_AT_ONCE = 3;

/** New packages, and sometimes a new last resort; one in four times the same request goes out twice. */
export async function publish({ client, random }: Lane): Promise<void> {
  const packages: Buffer[] = [];
  for (let n = 0; n < PUBLISHED_AT_ONCE; n++) packages.push(await client.device.keyPackage(false));
  const lastResort = random.below(5) === 0 ? await client.device.keyPackage(true) : undefined;
  const request = { suite: SUITE, keyPackages: packages, ...(lastResort && { lastResort }) };
  const send = () =>
    client.ask<"keyPackages.publish", Publish>(
      "keyPackages.publish",
      request,
      {
        op: "publish",
        packages: packages.map(digestOf),
        lastResort: lastResort && digestOf(lastResort),
      },
      ({ count, lastResort: has }) => ({ count, lastResort: has }),
    );
  await send();
  if (random.below(4) === 0) await send();
}

export async function claim({ client, random, world }: Lane): Promise<void> {
  const devices = new Set<number>();
  for (let n = 0; n <= random.below(3); n++) devices.add(random.below(world.clients.length));
  const indexOf = new Map(
    world.clients.map(({ index, device }) => [`${device.identity.userId}${device.identity.deviceId}`, index]),
  );
  const find = (named: { userId: string; deviceId: string }) =>
    indexOf.get(`${named.userId}${named.deviceId}`) ?? -1;
  await client.ask<"keyPackages.claim", Claim>(
    "keyPackages.claim",
    { suite: SUITE, devices: [...devices].map((index) => world.clients[index]?.device.identity) },
    { op: "claim", devices: [...devices] },
    ({ keyPackages, missing }) => ({
      packages: keyPackages.map(({ keyPackage, lastResort, ...named }) => ({
        device: find(named),
        digest: digestOf(keyPackage),
        lastResort,
      })),
      missing: missing.map(find),
    }),
  );
}

export async function countPackages(client: Client): Promise<number | undefined> {
  const operation = await client.ask<"keyPackages.count", CountPackages>(
    "keyPackages.count",
    { suite: SUITE },
    { op: "count" },
    ({ count, lastResort }) => ({ count, lastResort }),
  );
  return operation?.outcome.kind === "ok" ? operation.outcome.reply.count : undefined;
}
