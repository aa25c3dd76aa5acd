import { loadCipherSuite } from "../crypto/cipher-suite.ts";
import { checkCryptoBasics } from "./crypto-basics.ts";
import { checkDeserialization } from "./deserialization.ts";
import { checkKeySchedule } from "./key-schedule.ts";
import { checkMessageProtection } from "./message-protection.ts";
import { checkMessages } from "./messages.ts";
import { checkPassiveClient } from "./passive-client.ts";
import { checkPskSecret } from "./psk-secret.ts";
import { checkSecretTree } from "./secret-tree.ts";
import { checkTranscriptHashes } from "./transcript-hashes.ts";
import { checkTreeKem } from "./treekem.ts";
import { checkTreeMath } from "./tree-math.ts";
import { checkTreeOperations } from "./tree-operations.ts";
import { checkTreeValidation } from "./tree-validation.ts";
import { checkWelcome } from "./welcome.ts";

/** A format of mlswg/mls-implementations, test-vectors.md. */
export interface VectorFormat {
  readonly name: string;
  /** Fields that a case of this format has, and together no case of another. */
  readonly fields: readonly string[];
  /** Rejects with what differs. */
  readonly check: (vector: object) => Promise<void>;
}

export const vectorFormats: readonly VectorFormat[] = [
  format("crypto-basics", ["ref_hash", "expand_with_label", "sign_with_label"], checkCryptoBasics),
  format("deserialization", ["vlbytes_header", "length"], checkDeserialization),
  format("key-schedule", ["initial_init_secret", "epochs"], checkKeySchedule),
  format("message-protection", ["membership_key", "proposal_pub", "commit_priv"], checkMessageProtection),
  format("messages", ["mls_welcome", "mls_group_info", "private_message"], checkMessages),
  format("passive-client", ["welcome", "initial_epoch_authenticator", "epochs"], checkPassiveClient),
  format("psk_secret", ["psks", "psk_secret"], checkPskSecret),
  format("secret-tree", ["sender_data", "encryption_secret", "leaves"], checkSecretTree),
  format("transcript-hashes", ["authenticated_content", "confirmation_key"], checkTranscriptHashes),
  format("treekem", ["ratchet_tree", "leaves_private", "update_paths"], checkTreeKem),
  format("tree-math", ["n_leaves", "n_nodes", "root"], checkTreeMath),
  format("tree-operations", ["tree_before", "proposal", "tree_after"], checkTreeOperations),
  format("tree-validation", ["tree", "resolutions", "tree_hashes"], checkTreeValidation),
  format("welcome", ["init_priv", "signer_pub", "welcome"], checkWelcome),
];

/** A file of vectors as it was read. */
export interface VectorFile {
  /** Undefined where neither the fields nor the name are those of a format. */
  readonly format: VectorFormat | undefined;
  readonly cases: readonly object[];
}

/** Reads a file's text. Throws SyntaxError on text that is no JSON. */
export function readVectorFile(fileName: string, text: string): VectorFile {
  const parsed: unknown = JSON.parse(text, exactIntegers);
  const list: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const cases = list.filter((entry) => typeof entry === "object" && entry !== null);
  return { format: byFields(cases) ?? byName(fileName), cases };
}

/** The suite that a case is of; undefined where its format has none. */
export function suiteOf(vector: object): number | undefined {
  const suite: unknown = Reflect.get(vector, "cipher_suite");
  return typeof suite === "number" ? suite : undefined;
}

function byFields(cases: readonly object[]): VectorFormat | undefined {
  const [first] = cases;
  if (first === undefined) return undefined;
  return vectorFormats.find(({ fields }) => fields.every((field) => field in first));
}

function byName(fileName: string): VectorFormat | undefined {
  const name = fileName
    .replace(/^.*[/\\]/, "")
    .toLowerCase()
    .replaceAll("_", "-");
  const known = vectorFormats.filter((entry) => name.startsWith(entry.name.replaceAll("_", "-")));
  return known.sort((a, b) => b.name.length - a.name.length)[0];
}

/** An epoch is a uint64: where a number would round it, it is read as bigint. */
function exactIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  return /^\d+$/.test(context?.source ?? "") ? BigInt(context?.source ?? 0) : value;
}

function format(
  name: string,
  fields: readonly string[],
  check: (vector: never) => Promise<void>,
): VectorFormat {
  return {
    name,
    fields,
    async check(vector) {
      const suite = suiteOf(vector);
      if (suite !== undefined) await loadCipherSuite(suite);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a case without a field of its format fails its check
      await check(vector as never);
    },
  };
}
