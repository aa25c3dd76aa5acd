import { cipherSuite } from "@thicket/mls";

/**
 * What a 1 KiB message costs in primitives alone, one after the other as they depend on each other: the content's seal
 * needs the signature, the sender data's key needs the ciphertext.
 */

/** 1 KiB with its framing, as it is signed; and as it is sealed, padded to 2 KiB. */
const SIGNED = new Uint8Array(1216).fill(7);
const SEALED = new Uint8Array(2048).fill(7);
const SENDER_DATA = new Uint8Array(12);
/** Both AADs are of about this length. */
const AAD = new Uint8Array(48);
const { subtle } = crypto;
const keyBytes = new Uint8Array(16).fill(1);
const iv = new Uint8Array(12);
const aes = { name: "AES-GCM", iv, additionalData: AAD };

async function importSeal(): Promise<CryptoKey> {
  return subtle.importKey("raw", keyBytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

const suite = cipherSuite(1);
const secret = new Uint8Array(32).fill(2);
const context = new Uint8Array(32);
const ofSenderData = suite.expander(secret);

/**
 * Five HMACs, the fastest way we know: key, nonce and next secret of the ratchet under one key that is set up for them,
 * key and nonce of the sender data under one that serves the whole epoch.
 */
function deriveKeys(): void {
  suite.expandEach(secret, context, { key: 16, nonce: 12, secret: 32 });
  ofSenderData(context, { key: 16, nonce: 12 });
}

/** By which a message that was seen before is known, on both sides (docs/decisions/0013). */
async function hashSigned(): Promise<void> {
  await subtle.digest("SHA-256", SIGNED);
}

/** The two sides of a message: what `send` signed last is what `receive` verifies. */
export interface MessageFloor {
  send(): Promise<void>;
  receive(): Promise<void>;
}

export async function messageFloor(): Promise<MessageFloor> {
  const pair = await createKeyPair();
  const key = await importSeal();
  const sealed = await subtle.encrypt(aes, key, SEALED);
  const senderData = await subtle.encrypt(aes, key, SENDER_DATA);
  const turn = new DataView(SIGNED.buffer);
  let signature = sealed;
  return {
    async send() {
      turn.setUint32(0, turn.getUint32(0) + 1); // a processor learns the branches of a signature that it meets again
      signature = await subtle.sign("Ed25519", pair.privateKey, SIGNED);
      await hashSigned();
      deriveKeys();
      crypto.getRandomValues(new Uint8Array(4)); // the reuse guard (RFC 9420 §6.3.1)
      await subtle.encrypt(aes, await importSeal(), SEALED);
      await subtle.encrypt(aes, await importSeal(), SENDER_DATA);
    },
    async receive() {
      await subtle.decrypt(aes, await importSeal(), senderData);
      deriveKeys();
      await subtle.decrypt(aes, await importSeal(), sealed);
      await subtle.verify("Ed25519", pair.publicKey, signature, SIGNED);
      await hashSigned();
    },
  };
}

export async function createKeyPair(): Promise<CryptoKeyPair> {
  const pair = await subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("no key pair");
  return pair;
}

const CHUNK = 64;

/** One signature check per member, in chunks as the engine makes them: what joining a group of `size` cannot do without. */
export async function joinFloor(size: number): Promise<() => Promise<void>> {
  const content = new Uint8Array(200).fill(3);
  const members: { raw: ArrayBuffer; signature: ArrayBuffer }[] = [];
  for (let i = 0; i < size; i++) {
    const pair = await createKeyPair();
    const signature = await subtle.sign("Ed25519", pair.privateKey, content);
    members.push({ raw: await subtle.exportKey("raw", pair.publicKey), signature });
  }
  const check = async ({ raw, signature }: { raw: ArrayBuffer; signature: ArrayBuffer }) => {
    const key = await subtle.importKey("raw", raw, "Ed25519", true, ["verify"]);
    await subtle.verify("Ed25519", key, signature, content);
  };
  return async () => {
    for (let i = 0; i < size; i += CHUNK) {
      await Promise.all(members.slice(i, i + CHUNK).map(check));
    }
  };
}

/**
 * The primitives of a commit on a warm tree: `path` key pairs and the leaf's, `path` HPKE seals (two X25519, one
 * AES-GCM each), two signatures, the framing's two seals. As much at once as depends on nothing else.
 */
export async function commitFloor(path: number): Promise<() => Promise<void>> {
  const signer = await createKeyPair();
  const base = await importPublic(basePoint());
  const recipients = await Promise.all(
    Array.from({ length: path }, async () => new Uint8Array(await exchange(await importPrivate(), base))),
  );
  const sealTo = async (recipient: Uint8Array<ArrayBuffer>): Promise<void> => {
    const [ephemeral, key] = await Promise.all([importPrivate(), importPublic(recipient)]);
    await Promise.all([exchange(ephemeral, base), exchange(ephemeral, key)]);
    await subtle.encrypt(aes, await importSeal(), new Uint8Array(32));
  };
  return async () => {
    await Promise.all(Array.from({ length: path + 1 }, async () => exchange(await importPrivate(), base)));
    await subtle.sign("Ed25519", signer.privateKey, SIGNED);
    await Promise.all(recipients.map(sealTo));
    await subtle.sign("Ed25519", signer.privateKey, SIGNED);
    await subtle.encrypt(aes, await importSeal(), SEALED);
    await subtle.encrypt(aes, await importSeal(), SENDER_DATA);
  };
}

/** The same for who takes it: the framing's two opens, two signatures, one HPKE open, the root's key pair. */
export async function processFloor(): Promise<() => Promise<void>> {
  const signer = await createKeyPair();
  const signature = await subtle.sign("Ed25519", signer.privateKey, SIGNED);
  const key = await importSeal();
  const sealed = await subtle.encrypt(aes, key, SEALED);
  const base = await importPublic(basePoint());
  return async () => {
    await subtle.decrypt(aes, await importSeal(), sealed);
    await subtle.decrypt(aes, await importSeal(), sealed);
    await subtle.verify("Ed25519", signer.publicKey, signature, SIGNED);
    await subtle.verify("Ed25519", signer.publicKey, signature, SIGNED);
    const [own, ephemeral] = await Promise.all([importPrivate(), importPublic(basePoint())]);
    await exchange(own, ephemeral);
    await subtle.decrypt(aes, await importSeal(), sealed);
    await exchange(await importPrivate(), base);
  };
}

function basePoint(): Uint8Array<ArrayBuffer> {
  const u = new Uint8Array(32);
  u[0] = 9;
  return u;
}

async function importPublic(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return subtle.importKey("raw", raw, "X25519", true, []);
}

async function importPrivate(): Promise<CryptoKey> {
  const pkcs8 = new Uint8Array(48);
  pkcs8.set([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20]);
  crypto.getRandomValues(pkcs8.subarray(16));
  return subtle.importKey("pkcs8", pkcs8, "X25519", false, ["deriveBits"]);
}

async function exchange(own: CryptoKey, peer: CryptoKey): Promise<ArrayBuffer> {
  return subtle.deriveBits({ name: "X25519", public: peer }, own, 256);
}
