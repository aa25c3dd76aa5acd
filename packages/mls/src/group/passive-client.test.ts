import { bytesToHex } from "@noble/hashes/utils.js";
import { expect } from "vitest";
import { decode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { describeVectors, hex } from "../testing/vectors.ts";
import type { EngineDeps } from "./authentication.ts";
import { epochAuthenticator, type GroupState } from "./group-state.ts";
import { joinGroup } from "./join-group.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup, loadGroup } from "./records.ts";
import { mergeCommit } from "./staged-commit.ts";

interface PassiveClientVector {
  cipher_suite: number;
  external_psks: { psk_id: string; psk: string }[];
  key_package: string;
  signature_priv: string;
  encryption_priv: string;
  init_priv: string;
  welcome: string;
  ratchet_tree: string | null;
  initial_epoch_authenticator: string;
  epochs: { proposals: string[]; commit: string; epoch_authenticator: string }[];
}

for (const file of ["passive-client-welcome", "passive-client-handling-commit"]) {
  describeVectors<PassiveClientVector>(file, follow);
}

async function follow(vector: PassiveClientVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const message = decode(mlsMessageCodec, hex(vector.key_package));
  if (message.kind !== "keyPackage") throw new Error("not a key package");
  const { keyPackage } = message;
  const resumption = new Map<bigint, Uint8Array>();
  const deps = passiveDeps(vector, resumption);
  let state = await joinGroup({
    welcome: hex(vector.welcome),
    keyPackage,
    initPrivateKey: hex(vector.init_priv),
    encryptionPrivateKey: hex(vector.encryption_priv),
    signatureKey: { publicKey: keyPackage.leafNode.signatureKey, privateKey: hex(vector.signature_priv) },
    ...(vector.ratchet_tree !== null && { ratchetTree: hex(vector.ratchet_tree) }),
    deps,
  });
  expect(state.suite).toBe(suite);
  expect(bytesToHex(epochAuthenticator(state))).toBe(vector.initial_epoch_authenticator);
  for (const epoch of vector.epochs) {
    resumption.set(state.context.epoch, state.secrets.resumptionPsk);
    for (const proposal of epoch.proposals) {
      ({ state } = await processMessage(state, hex(proposal), deps, { allowPublic: true }));
    }
    const processed = await processMessage(stored(state), hex(epoch.commit), deps, { allowPublic: true });
    if (processed.kind !== "commit") throw new Error("not a commit");
    state = mergeCommit(processed.staged);
    expect(bytesToHex(epochAuthenticator(state))).toBe(epoch.epoch_authenticator);
  }
}

/** The state after a trip through its records. */
function stored(state: GroupState): GroupState {
  return loadGroup(diffGroup(undefined, state).put, { signatureKey: state.signatureKey });
}

function passiveDeps(vector: PassiveClientVector, resumption: ReadonlyMap<bigint, Uint8Array>): EngineDeps {
  return {
    random: seededRandom("passive client"),
    authentication: {
      validate: () => Promise.resolve(),
      sameClient: () => false,
      isSuccessor: () => true,
    },
    preSharedKey(id) {
      if (id.kind === "resumption") return Promise.resolve(resumption.get(id.epoch));
      const found = vector.external_psks.find(({ psk_id }) => psk_id === bytesToHex(id.pskId));
      return Promise.resolve(found && hex(found.psk));
    },
  };
}
