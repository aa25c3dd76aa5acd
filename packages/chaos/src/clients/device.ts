import {
  type Attestation,
  assembleCredential,
  CREDENTIAL_TYPE,
  encodeCredential,
  encodeDeviceCertificate,
  type LoginChallenge,
  readAttestation,
  signDeviceCertificate,
  signLeafBinding,
  signLogin,
  signRegistration,
  type Signer,
  toMlsCredential,
} from "@thicket/credential";
import { parse, type SeededRandom } from "@thicket/delivery-service/testing";
import { createKeyPackage, ed25519KeyPair, EXTENSION_LAST_RESORT, MLS10, signEd25519 } from "@thicket/mls";
import { authenticationRequests, Hello, toHex, WIRE_VERSION } from "@thicket/protocol";
import { Manager } from "socket.io-client";
import parser from "socket.io-msgpack-parser";

const DAY = 24 * 60 * 60;
export const SUITE = 1;

/** A person's one device, known to the relay's Authentication Service. */
export interface Device {
  readonly identity: { userId: string; deviceId: string };
  readonly handle: string;
  logIn(challenge: LoginChallenge): Promise<object>;
  /** A real key package of this device, as an MLSMessage. */
  keyPackage(lastResort: boolean): Promise<Buffer>;
}

/** Signs a person up at the node. @throws Error where it is refused. */
export async function signUpDevice(url: string, handle: string, random: SeededRandom): Promise<Device> {
  const [root, deviceKey] = [await signingKey(random), await signingKey(random)];
  const [userId, deviceId] = [random.bytes(16), random.bytes(16)];
  const notBefore = BigInt(Math.floor(Date.now() / 1000));
  const certificate = await signDeviceCertificate(root.sign, {
    userId,
    deviceId,
    deviceKey: deviceKey.publicKey,
    deviceSeq: 0,
    notBefore,
    notAfter: notBefore + BigInt(300 * DAY),
  });
  const deviceCertificate = wire(encodeDeviceCertificate(certificate));
  const encoded = await register(url, async (nonce) => ({
    handle,
    userId: toHex(userId),
    rootKey: wire(root.publicKey),
    deviceCertificate,
    proof: wire(
      await signRegistration(root.sign, {
        handle,
        userId,
        rootKey: root.publicKey,
        deviceCertificate,
        nonce,
      }),
    ),
  }));
  const attestation = decode(encoded);
  return {
    identity: { userId: toHex(userId), deviceId: toHex(deviceId) },
    handle,
    async logIn(challenge) {
      const signature = wire(await signLogin(deviceKey.sign, challenge));
      return { attestation: encoded, deviceCertificate, signature };
    },
    async keyPackage(lastResort) {
      const leaf = await signingKey(random);
      const lifetime = { notBefore, notAfter: notBefore + BigInt(80 * DAY) };
      const leafBinding = {
        userId,
        deviceId,
        leafSignatureKey: leaf.publicKey,
        cipherSuite: SUITE,
        ...lifetime,
      };
      const binding = await signLeafBinding(deviceKey.sign, leafBinding);
      const credential = encodeCredential(assembleCredential(attestation, certificate, binding));
      const { message } = await createKeyPackage({
        suite: SUITE,
        credential: toMlsCredential(credential),
        signatureKey: leaf,
        capabilities: {
          versions: [MLS10],
          cipherSuites: [SUITE],
          extensions: [EXTENSION_LAST_RESORT],
          proposals: [],
          credentials: [CREDENTIAL_TYPE],
        },
        lifetime,
        extensions: lastResort ? [{ type: EXTENSION_LAST_RESORT, data: new Uint8Array(0) }] : [],
        random,
      });
      return wire(message);
    },
  };
}

/** The bytes as msgpack writes them: in Node only a Buffer is binary to it. */
export function wire(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function signingKey(random: SeededRandom) {
  const pair = await ed25519KeyPair(random);
  const sign: Signer = (message) => signEd25519(pair.privateKey, message);
  return { ...pair, sign };
}

/** -> the encoded attestation. */
async function register(url: string, request: (nonce: Uint8Array) => Promise<object>): Promise<Buffer> {
  const manager = new Manager(url, { transports: ["websocket"], parser, reconnection: false });
  const socket = manager.socket("/as", { auth: { wire: WIRE_VERSION } });
  try {
    const hello = await new Promise<Hello>((resolve, reject) => {
      socket.once("hello", (greeting) => resolve(parse(Hello, greeting)));
      socket.once("connect_error", reject);
    });
    const answer: unknown = await socket
      .timeout(30_000)
      .emitWithAck("account.register", await request(hello.nonce));
    const reply = parse(authenticationRequests["account.register"].reply, answer);
    if (!reply.ok) throw new Error(`not signed up: ${reply.error.code}`);
    return wire(reply.attestation);
  } finally {
    socket.disconnect();
  }
}

function decode(encoded: Uint8Array): Attestation {
  const read = readAttestation(encoded);
  if (!read.ok) throw new Error("the attestation can't be read");
  return read.value;
}
