import { createKeyPackage, EXTENSION_LAST_RESORT } from "@thicket/mls";
import { toHex } from "@thicket/protocol";
import type { Step } from "../step.ts";
import type { AccountRow } from "../tables.ts";
import { CAPABILITIES, makeOwnLeaf, SUITE } from "./own-leaf.ts";

export interface MadeKeyPackages {
  keyPackages: Uint8Array[];
  lastResort?: Uint8Array;
}

/**
 * Makes fresh key packages and stores their private keys before anybody can see them. They are published once: where
 * the answer was lost, others are made, since the relay may have given the first ones away already.
 */
export async function makeKeyPackages(
  step: Step,
  account: AccountRow,
  count: number,
  lastResort: boolean,
): Promise<MadeKeyPackages> {
  const keyPackages: Uint8Array[] = [];
  for (let made = 0; made < count; made++) keyPackages.push(await makeOne(step, account, false));
  return lastResort ? { keyPackages, lastResort: await makeOne(step, account, true) } : { keyPackages };
}

async function makeOne(step: Step, account: AccountRow, lastResort: boolean): Promise<Uint8Array> {
  const { random } = step.deps.ports;
  const leaf = await makeOwnLeaf(account, random, step.now());
  const made = await createKeyPackage({
    suite: SUITE,
    credential: leaf.credential,
    signatureKey: leaf.signatureKey,
    capabilities: CAPABILITIES,
    lifetime: leaf.lifetime,
    leafExtensions: leaf.leafExtensions,
    extensions: lastResort ? [{ type: EXTENSION_LAST_RESORT, data: new Uint8Array() }] : [],
    random,
  });
  step.write({
    table: "keyPackages",
    key: [toHex(made.ref)],
    value: {
      suite: SUITE,
      message: made.message,
      initPrivateKey: made.initPrivateKey,
      encryptionPrivateKey: made.encryptionPrivateKey,
      signaturePrivateKey: leaf.signatureKey.privateKey,
      signaturePublicKey: leaf.signatureKey.publicKey,
      lastResort,
      notAfter: Number(leaf.lifetime.notAfter),
    },
  });
  return made.message;
}

/** Forgets the private keys of packages that nobody may use any more. */
export async function forgetExpiredKeyPackages(step: Step): Promise<void> {
  const seconds = Math.floor(step.now() / 1000);
  for (const { key, value } of await step.deps.ports.store.list("keyPackages", { prefix: [] })) {
    if (value.notAfter < seconds) step.write({ table: "keyPackages", key, value: undefined });
  }
}
