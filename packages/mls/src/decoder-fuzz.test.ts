import { describe, expect, test } from "vitest";
import { appDataDictionaryCodec } from "./app-components.ts";
import { type Codec, decode, encode } from "./codec/codec.ts";
import { commitCodec } from "./commit.ts";
import { mediaTypeListCodec } from "./content-advertisement.ts";
import { credentialCodec } from "./credential.ts";
import { MlsError } from "./errors.ts";
import { extensionsCodec, externalSendersCodec, requiredCapabilitiesCodec } from "./extension.ts";
import { authenticatedContentCodec, framedContentCodec, mlsMessageCodec } from "./framing/message.ts";
import { groupContextCodec } from "./group-context.ts";
import { keyPackageCodec } from "./key-package.ts";
import { leafNodeCodec, parentNodeCodec, ratchetTreeCodec } from "./leaf-node.ts";
import { proposalBodies, proposalCodec } from "./proposal.ts";
import { parseHeader } from "./parse-header.ts";
import { seededRandom } from "./testing/seeded-random.ts";
import { hex, readVectors } from "./testing/vectors.ts";
import { groupInfoCodec, groupSecretsCodec, welcomeCodec } from "./welcome.ts";

const decoders: Record<string, (bytes: Uint8Array) => Uint8Array | undefined> = {
  mlsMessage: reEncode(mlsMessageCodec),
  authenticatedContent: reEncode(authenticatedContentCodec),
  framedContent: reEncode(framedContentCodec),
  welcome: reEncode(welcomeCodec),
  groupInfo: reEncode(groupInfoCodec),
  groupSecrets: reEncode(groupSecretsCodec),
  groupContext: reEncode(groupContextCodec),
  keyPackage: reEncode(keyPackageCodec),
  leafNode: reEncode(leafNodeCodec),
  parentNode: reEncode(parentNodeCodec),
  ratchetTree: reEncode(ratchetTreeCodec),
  commit: reEncode(commitCodec),
  proposal: reEncode(proposalCodec),
  appDataDictionary: reEncode(appDataDictionaryCodec),
  mediaTypeList: reEncode(mediaTypeListCodec),
  credential: reEncode(credentialCodec),
  extensions: reEncode(extensionsCodec),
  externalSenders: reEncode(externalSendersCodec),
  requiredCapabilities: reEncode(requiredCapabilitiesCodec),
  add: reEncode(proposalBodies.add),
  update: reEncode(proposalBodies.update),
  psk: reEncode(proposalBodies.psk),
  reinit: reEncode(proposalBodies.reinit),
  header: (bytes) => (parseHeader(bytes), undefined),
};

const ROUNDS = 20_000;
const vectors = readVectors<Record<string, string>>("messages");

describe.skipIf(vectors === undefined)(
  "decoders under hostile bytes (from the official messages.json)",
  () => {
    test("[CODEC-2] mutated messages end in MlsError or in a value with that one spelling, never otherwise", () => {
      const samples = (vectors ?? []).flatMap((vector) => Object.values(vector).map(hex));
      const random = integers("decoder fuzz");
      let decoded = 0;
      let refused = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const bytes = mutate(pick(samples, random), samples, random);
        for (const [name, decoder] of Object.entries(decoders)) {
          try {
            const again = decoder(bytes);
            if (again !== undefined) expect(again, name).toEqual(bytes);
            decoded++;
          } catch (error) {
            if (!(error instanceof MlsError)) throw error;
            refused++;
          }
        }
      }
      // Both outcomes must have been met, or the mutations test nothing.
      expect(decoded).toBeGreaterThan(ROUNDS / 20);
      expect(refused).toBeGreaterThan(ROUNDS);
    });
  },
);

function reEncode<T>(codec: Codec<T>): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => encode(codec, decode(codec, bytes));
}

function mutate(
  sample: Uint8Array,
  samples: readonly Uint8Array[],
  random: (below: number) => number,
): Uint8Array {
  let bytes = sample.slice();
  for (let n = random(3); n >= 0; n--) {
    const at = random(bytes.length + 1);
    switch (random(6)) {
      case 0: // a bit
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 1: // a telling byte: lengths and enums change meaning
        if (at < bytes.length) bytes[at] = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xff][random(8)] ?? 0;
        break;
      case 2: // cut
        bytes = bytes.slice(0, at);
        break;
      case 3: // insert
        bytes = Uint8Array.of(...bytes.subarray(0, at), random(256), ...bytes.subarray(at));
        break;
      case 4: // remove
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(4)));
        break;
      default: {
        // splice another message in
        const other = pick(samples, random);
        const from = random(other.length + 1);
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...other.subarray(from, from + random(64)));
      }
    }
  }
  return bytes;
}

function pick(samples: readonly Uint8Array[], random: (below: number) => number): Uint8Array {
  return samples[random(samples.length)] ?? new Uint8Array();
}

function integers(seed: string): (below: number) => number {
  const source = seededRandom(seed);
  let block = new Uint8Array();
  let at = 0;
  return (below) => {
    if (at + 4 > block.length) {
      block = source.bytes(4096).slice();
      at = 0;
    }
    const value = new DataView(block.buffer, at, 4).getUint32(0);
    at += 4;
    return value % below;
  };
}
