import { type ExporterTree, storedExports } from "../schedule/exporter-tree.ts";
import { hasEnded, type Ratchet } from "../schedule/ratchet.ts";
import type { SecretNode } from "../schedule/secret-tree.ts";
import type { GroupState } from "./group-state.ts";
import type { PastEpoch } from "./past-epoch.ts";

/**
 * The names of all secrets that a state or a past epoch holds, and of no others: what isn't named can't be derived
 * from it or from its records (RFC 9420 §9.2). Names, not values: fit for a log or a screen. The signature key, which
 * outlives epochs, is kept apart from the records and isn't named.
 */
export function heldSecrets(state: GroupState | PastEpoch): string[] {
  return [...secretsIn(state).keys()];
}

/** The secrets by their names. */
export function secretsIn(state: GroupState | PastEpoch): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if ("secrets" in state) {
    for (const [name, secret] of Object.entries(state.secrets)) found.set(`epoch/${name}`, secret);
    for (const [index, key] of state.privateKeys) found.set(`private-key/${index}`, key);
    for (const [ref, { encryptionPrivateKey: key }] of state.proposals) {
      if (key !== undefined) found.set(`proposal/${ref}`, key);
    }
    noteExports(state.exporterTree, found);
  } else {
    found.set("epoch/senderDataSecret", state.senderDataSecret);
  }
  noteNode(state.secretTree.root, 0, state.secretTree.width, found);
  return found;
}

function noteExports(tree: ExporterTree, found: Map<string, Uint8Array>): void {
  for (const { first, level, secret } of storedExports(tree)) found.set(`exporter/${level}/${first}`, secret);
}

/** `node` covers `width` leaves from `first` on. Deep as the tree. */
function noteNode(node: SecretNode, first: number, width: number, found: Map<string, Uint8Array>): void {
  switch (node.kind) {
    case "secret":
      found.set(`node/${2 * first + width - 1}`, node.secret);
      return;
    case "split":
      noteNode(node.left, first, width / 2, found);
      noteNode(node.right, first + width / 2, width / 2, found);
      return;
    case "leaf":
      noteRatchet(`${first}/handshake`, node.handshake, found);
      noteRatchet(`${first}/application`, node.application, found);
  }
}

function noteRatchet(name: string, ratchet: Ratchet, found: Map<string, Uint8Array>): void {
  if (!hasEnded(ratchet)) found.set(`ratchet/${name}/${ratchet.generation}`, ratchet.secret);
  for (const { generation, key, nonce } of ratchet.skipped) {
    found.set(`key/${name}/${generation}`, key);
    found.set(`nonce/${name}/${generation}`, nonce);
  }
}
