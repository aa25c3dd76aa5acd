import { appDataDictionaryCodec } from "../app-components.ts";
import { type Codec, decode, encode } from "../codec/codec.ts";
import { commitCodec, updatePathCodec } from "../commit.ts";
import { mediaTypeListCodec } from "../content-advertisement.ts";
import { credentialCodec } from "../credential.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { extensionsCodec, externalSendersCodec, requiredCapabilitiesCodec } from "../extension.ts";
import { authenticatedContentCodec, framedContentCodec, mlsMessageCodec } from "../framing/message.ts";
import { decodePredecessor, encodePredecessor } from "../group/predecessor.ts";
import { groupContextCodec } from "../group-context.ts";
import { keyPackageCodec } from "../key-package.ts";
import { leafNodeCodec, nodeCodec, parentNodeCodec, ratchetTreeCodec } from "../leaf-node.ts";
import { parseHeader } from "../parse-header.ts";
import { preSharedKeyIdCodec, proposalBodies, proposalCodec } from "../proposal.ts";
import { storedExportsCodec } from "../schedule/exporter-tree.ts";
import { storedRatchetCodec, storedSkippedKeyCodec } from "../schedule/ratchet.ts";
import { storedSeenCodec } from "../schedule/seen-messages.ts";
import { decodeTree, encodeTree } from "../tree/tree-extension.ts";
import { groupInfoCodec, groupSecretsCodec, welcomeCodec } from "../welcome.ts";
import { encodeMutant, mutateBytes, mutateValue } from "./mutate.ts";
import { Finding } from "./oracle.ts";
import type { Outcome, Run } from "./prepare.ts";

const CODECS: Readonly<Record<string, Codec<unknown>>> = {
  mlsMessage: anyOf(mlsMessageCodec),
  authenticatedContent: anyOf(authenticatedContentCodec),
  framedContent: anyOf(framedContentCodec),
  welcome: anyOf(welcomeCodec),
  groupInfo: anyOf(groupInfoCodec),
  groupSecrets: anyOf(groupSecretsCodec),
  groupContext: anyOf(groupContextCodec),
  keyPackage: anyOf(keyPackageCodec),
  leafNode: anyOf(leafNodeCodec),
  parentNode: anyOf(parentNodeCodec),
  node: anyOf(nodeCodec),
  ratchetTree: anyOf(ratchetTreeCodec),
  commit: anyOf(commitCodec),
  updatePath: anyOf(updatePathCodec),
  proposal: anyOf(proposalCodec),
  appDataDictionary: anyOf(appDataDictionaryCodec),
  mediaTypeList: anyOf(mediaTypeListCodec),
  credential: anyOf(credentialCodec),
  extensions: anyOf(extensionsCodec),
  externalSenders: anyOf(externalSendersCodec),
  requiredCapabilities: anyOf(requiredCapabilitiesCodec),
  preSharedKeyId: anyOf(preSharedKeyIdCodec),
  add: anyOf(proposalBodies.add),
  update: anyOf(proposalBodies.update),
  remove: anyOf(proposalBodies.remove),
  psk: anyOf(proposalBodies.psk),
  reinit: anyOf(proposalBodies.reinit),
  externalInit: anyOf(proposalBodies.externalInit),
  groupContextExtensions: anyOf(proposalBodies.groupContextExtensions),
  storedRatchet: anyOf(storedRatchetCodec),
  storedSkippedKey: anyOf(storedSkippedKeyCodec),
  storedSeen: anyOf(storedSeenCodec),
  storedExports: anyOf(storedExportsCodec),
};

/** Bytes that every decoder reads: what it takes is the one spelling of its value, all else is an MlsError. */
export async function fuzzDecoders(run: Run): Promise<Outcome> {
  const { prepared, dice } = run;
  const sample = sampleOf(run);
  if (sample === undefined) return { result: "unsaid" };
  const input = dice.oneIn(3) ? sample : mutateBytes(sample, prepared.allBytes, dice);
  run.input = input;
  let taken = 0;
  let code = "";
  for (const [name, codec] of Object.entries(CODECS)) {
    const refused = refusalOf(() => {
      const again = encode(codec, decode(codec, input));
      if (!equalBytes(again, input)) throw new Finding(`${name} reads two spellings of one value`);
    });
    if (refused === undefined) taken++;
    else code = refused;
  }
  refusalOf(() => parseHeader(input));
  refusalOf(() => {
    const again = encodePredecessor(decodePredecessor(input));
    if (!equalBytes(again, input)) throw new Finding("a predecessor with two spellings");
  });
  refusalOf(() => {
    const again = encodeTree(decodeTree(input));
    if (!equalBytes(again, input)) throw new Finding("a tree with two spellings");
  });
  return taken > 0 ? { result: "taken" } : { result: "refused", code };
}

/** The bytes of some part of some message, itself changed by its fields or not. */
function sampleOf({ prepared, dice }: Run): Uint8Array | undefined {
  const { donors } = prepared;
  const message = decode(mlsMessageCodec, dice.pick(prepared.allBytes));
  const value: unknown = dice.oneIn(2) ? message : mutateValue(message, donors, dice);
  const parts: [Codec<unknown>, unknown][] = [];
  const add = (codec: Codec<unknown>, part: unknown): void => void parts.push([codec, part]);
  const walk = (inner: unknown): void => {
    if (typeof inner !== "object" || inner === null || inner instanceof Uint8Array) return;
    for (const [key, part] of Object.entries(inner)) {
      const codec = CODECS[key];
      if (codec !== undefined) add(codec, part);
      walk(part);
    }
  };
  walk(value);
  add(anyOf(mlsMessageCodec), value);
  const [codec, part] = dice.pick(parts);
  return encodeMutant(codec, part);
}

function refusalOf(read: () => void): string | undefined {
  try {
    read();
  } catch (error) {
    if (error instanceof MlsError) return error.code;
    throw error;
  }
  return undefined;
}

function anyOf<T>(codec: Codec<T>): Codec<unknown> {
  return {
    read: (reader) => codec.read(reader),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what this codec read, or what fails
    write: (writer, value) => codec.write(writer, value as T),
  };
}
