import { bytesToHex } from "@noble/hashes/utils.js";
import { type CipherSuite, cipherSuite } from "../crypto/cipher-suite.ts";
import type { EngineDeps } from "../group/authentication.ts";
import { epochAuthenticator, type GroupState } from "../group/group-state.ts";
import { joinGroup } from "../group/join-group.ts";
import { processMessage } from "../group/process-message.ts";
import { diffGroup, loadGroup } from "../group/records.ts";
import { mergeCommit } from "../group/staged-commit.ts";
import type { KeyPackage } from "../key-package.ts";
import {
  hpkePrivateKey,
  checkSignatureKey,
  readKeyPackage,
  signaturePrivateKey,
  trustingDeps,
} from "./client-parts.ts";
import { hex, same, sameBytes, VectorMismatch } from "./compare.ts";

export interface PassiveClientVector {
  cipher_suite: number;
  external_psks: { psk_id: string; psk: string }[];
  key_package: string;
  signature_priv: string;
  encryption_priv: string;
  init_priv: string;
  welcome: string;
  ratchet_tree?: string | null;
  initial_epoch_authenticator: string;
  epochs: { proposals: string[]; commit: string; epoch_authenticator: string }[];
}

/** Joins by the Welcome and follows every epoch, each from the records in which the one before was stored. */
export async function checkPassiveClient(vector: PassiveClientVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const keyPackage = readKeyPackage(vector.key_package);
  await checkPrivateKeys(suite, keyPackage, vector);
  const resumption = new Map<bigint, Uint8Array>();
  const deps = depsOf(vector, resumption);
  const publicKey = keyPackage.leafNode.signatureKey;
  const ratchetTree = vector.ratchet_tree;
  let state = await joinGroup({
    welcome: hex(vector.welcome),
    keyPackage,
    initPrivateKey: hpkePrivateKey(vector.init_priv, keyPackage.initKey),
    encryptionPrivateKey: hpkePrivateKey(vector.encryption_priv, keyPackage.leafNode.encryptionKey),
    signatureKey: { publicKey, privateKey: signaturePrivateKey(vector.signature_priv, publicKey) },
    ...(typeof ratchetTree === "string" && { ratchetTree: hex(ratchetTree) }),
    deps,
  });
  same("the group's cipher suite", state.suite.id, suite.id);
  sameBytes("initial_epoch_authenticator", epochAuthenticator(state), vector.initial_epoch_authenticator);
  for (const [index, epoch] of vector.epochs.entries()) {
    resumption.set(state.context.epoch, state.secrets.resumptionPsk);
    for (const proposal of epoch.proposals) {
      ({ state } = await processMessage(state, hex(proposal), deps, { allowPublic: true }));
    }
    const processed = await processMessage(stored(state), hex(epoch.commit), deps, { allowPublic: true });
    if (processed.kind !== "commit") throw new VectorMismatch(`commit ${index} is a ${processed.kind}`);
    state = mergeCommit(processed.staged);
    sameBytes(`epoch_authenticator ${index}`, epochAuthenticator(state), epoch.epoch_authenticator);
  }
}

async function checkPrivateKeys(
  suite: CipherSuite,
  keyPackage: KeyPackage,
  vector: PassiveClientVector,
): Promise<void> {
  const { initKey, leafNode } = keyPackage;
  const init = await suite.hpkePublicKey(hpkePrivateKey(vector.init_priv, initKey));
  sameBytes("the public half of init_priv", init, bytesToHex(initKey));
  const encryption = await suite.hpkePublicKey(
    hpkePrivateKey(vector.encryption_priv, leafNode.encryptionKey),
  );
  sameBytes("the public half of encryption_priv", encryption, bytesToHex(leafNode.encryptionKey));
  await checkSignatureKey(suite, leafNode.signatureKey, vector.signature_priv);
}

/** The state after a trip through its records. */
function stored(state: GroupState): GroupState {
  return loadGroup(diffGroup(undefined, state).put, { signatureKey: state.signatureKey });
}

function depsOf(vector: PassiveClientVector, resumption: ReadonlyMap<bigint, Uint8Array>): EngineDeps {
  return trustingDeps((id) => {
    if (id.kind === "resumption") return resumption.get(id.epoch);
    const wanted = bytesToHex(id.pskId);
    const found = vector.external_psks.find(({ psk_id }) => psk_id.toLowerCase() === wanted);
    return found && hex(found.psk);
  });
}
