import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import {
  encodeDeviceCertificate,
  signDeviceCertificate,
  signLogin,
  signRegistration,
} from "@thicket/credential";
import { NAMESPACES, toHex } from "@thicket/protocol";
import { bytesOf, fieldOf, openSession, type Session } from "./session.ts";

/** One certified device of an account. */
export interface Device {
  /** A logged-in connection to the Delivery Service. */
  logIn(port: number): Promise<Session>;
}

export interface Account {
  /** Another device: the Delivery Service judges by certificates alone, so it needs no request. */
  addDevice(): Promise<Device>;
}

const DAY = 86_400n;

/** Signs up a person at the relay's Authentication Service. */
export async function signUp(port: number): Promise<Account> {
  const root = createKey();
  const userId = randomId();
  const first = await certify();
  const as = await openSession(port, NAMESPACES.authentication);
  const handle = `bench${toHex(userId.subarray(0, 8))}`;
  const { nonce } = as;
  const { certificate: deviceCertificate } = first;
  const registration = { handle, userId, rootKey: root.publicKey, deviceCertificate, nonce };
  const reply = await as.ask("account.register", {
    handle,
    userId: toHex(userId),
    rootKey: Buffer.from(root.publicKey),
    deviceCertificate: Buffer.from(deviceCertificate),
    proof: Buffer.from(await signRegistration(root.signer, registration)),
  });
  const attestation = Buffer.from(bytesOf(fieldOf(reply, "attestation")));
  as.webSocket.close();

  async function certify() {
    const key = createKey();
    const notBefore = BigInt(Math.floor(Date.now() / 1000));
    const certificate = await signDeviceCertificate(root.signer, {
      userId,
      deviceId: randomId(),
      deviceKey: key.publicKey,
      deviceSeq: 0,
      notBefore,
      notAfter: notBefore + 300n * DAY,
    });
    return { key, certificate: encodeDeviceCertificate(certificate) };
  }

  return {
    async addDevice() {
      const { key, certificate } = await certify();
      return {
        async logIn(at) {
          const session = await openSession(at, NAMESPACES.delivery);
          const { nonce: challenge, socketId } = session;
          const origin = `http://localhost:${at}`;
          const login = { role: "ds", nonce: challenge, origin, socketId } as const;
          const signature = Buffer.from(await signLogin(key.signer, login));
          await session.ask("login", {
            attestation,
            deviceCertificate: Buffer.from(certificate),
            signature,
          });
          return session;
        },
      };
    },
  };
}

const randomId = () => new Uint8Array(randomBytes(16));

function createKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    // The last 32 bytes of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4) are the key.
    publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-32)),
    signer: async (message: Uint8Array) => new Uint8Array(sign(null, message, privateKey)),
  };
}
