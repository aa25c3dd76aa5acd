import {
  type AsKey,
  assembleCredential,
  CREDENTIAL_TYPE,
  encodeAttestation,
  encodeCredential,
  encodeDeviceCertificate,
  type LoginChallenge,
  signAttestation,
  signDeviceCertificate,
  signLeafBinding,
  signLogin,
  type Signer,
  toMlsCredential,
} from "@thicket/credential";
import { createKeyPackage, ed25519KeyPair, EXTENSION_LAST_RESORT, MLS10, signEd25519 } from "@thicket/mls";
import { AccountId, DeviceId, toHex } from "@thicket/protocol";
import { parse } from "./parse.ts";
import type { SeededRandom } from "./seeded-random.ts";

const DAY = 24 * 60 * 60;
const SUITE = 1;

async function signingKey(random: SeededRandom) {
  const pair = await ed25519KeyPair(random);
  const sign: Signer = (message) => signEd25519(pair.privateKey, message);
  return { ...pair, sign };
}

/** An Authentication Service's key, with which devices are attested. */
export async function createAsKey(random: SeededRandom) {
  const pair = await signingKey(random);
  const asKey: AsKey = { keyId: random.bytes(8), publicKey: pair.publicKey };
  return { asKey, sign: pair.sign };
}

/** A person's one device, attested by the AS key: makes real key packages and logs in. `now` in milliseconds. */
export async function createRealDevice(
  random: SeededRandom,
  as: Awaited<ReturnType<typeof createAsKey>>,
  now: number,
) {
  const userId = random.bytes(16);
  const deviceId = random.bytes(16);
  const root = await signingKey(random);
  const deviceKey = await signingKey(random);
  const notBefore = BigInt(Math.floor(now / 1000));
  const attestation = await signAttestation(as.sign, {
    userId,
    handle: `u${toHex(userId.subarray(0, 8))}`,
    rootKey: root.publicKey,
    rootSeq: 0,
    notBefore,
    notAfter: notBefore + BigInt(90 * DAY),
    asKeyId: as.asKey.keyId,
  });
  const certificate = await signDeviceCertificate(root.sign, {
    userId,
    deviceId,
    deviceKey: deviceKey.publicKey,
    deviceSeq: 0,
    notBefore,
    notAfter: notBefore + BigInt(365 * DAY),
  });

  return {
    identity: { userId: parse(AccountId, toHex(userId)), deviceId: parse(DeviceId, toHex(deviceId)) },
    async keyPackage(options: { lastResort?: boolean; suite?: number; lifetimeSeconds?: number } = {}) {
      const suite = options.suite ?? SUITE;
      const leaf = await signingKey(random);
      const binding = await signLeafBinding(deviceKey.sign, {
        userId,
        deviceId,
        leafSignatureKey: leaf.publicKey,
        cipherSuite: suite,
        notBefore,
        notAfter: notBefore + BigInt(80 * DAY),
      });
      return createKeyPackage({
        suite,
        credential: toMlsCredential(encodeCredential(assembleCredential(attestation, certificate, binding))),
        signatureKey: leaf,
        capabilities: {
          versions: [MLS10],
          cipherSuites: [1, 3],
          extensions: [EXTENSION_LAST_RESORT],
          proposals: [],
          credentials: [CREDENTIAL_TYPE],
        },
        lifetime: { notBefore, notAfter: notBefore + BigInt(options.lifetimeSeconds ?? 80 * DAY) },
        extensions:
          options.lastResort === true ? [{ type: EXTENSION_LAST_RESORT, data: new Uint8Array(0) }] : [],
        random,
      });
    },
    async login(challenge: LoginChallenge) {
      return {
        attestation: encodeAttestation(attestation),
        deviceCertificate: encodeDeviceCertificate(certificate),
        signature: await signLogin(deviceKey.sign, challenge),
      };
    },
  };
}

export type RealDevice = Awaited<ReturnType<typeof createRealDevice>>;
