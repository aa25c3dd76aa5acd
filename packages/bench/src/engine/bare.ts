import { cipherSuite } from "@thicket/mls";
import { createKeyPair, type MessageFloor } from "./floor.ts";

/**
 * A 1 KiB message as bytes have to come and go, on top of the floor's primitives and by the shortest script that we
 * know: offsets that are known beforehand, fixed buffers for what goes to WebCrypto, no epoch, no tree, no ratchet,
 * nothing checked or kept. What lies between the floor and this, no engine in script can leave out.
 */
const { subtle } = crypto;
const suite = cipherSuite(1);
const secret = new Uint8Array(32).fill(2);
const generation = new Uint8Array(4);
const ofSenderData = suite.expander(secret);

/** MLSMessage up to the content type: version, wire format, a group id of 32 bytes, epoch, type. */
const HEADER = Uint8Array.of(0, 1, 0, 2, 32, ...new Uint8Array(32 + 8), 1);
const SENDER_DATA_AT = HEADER.length + 2; // behind no authenticated data and a length
const SENDER_DATA = 12 + 16;
const CIPHERTEXT_AT = SENDER_DATA_AT + SENDER_DATA + 2;
const SAMPLE = 32;
const DATA = 1024;
const SIGNATURE = 64;
/** What stands in SignContent before the data and, as GroupContext, behind it. */
const SIGNED_HEAD = 80;
const SIGNED_TAIL = 112;

const signed = new Uint8Array(SIGNED_HEAD + DATA + SIGNED_TAIL);
const content = new Uint8Array(2048);
const senderData = new Uint8Array(12);
const keyRoom = new Uint8Array(16);
const iv = new Uint8Array(12);
const lengths = { key: 16, nonce: 12, secret: 32 };

type Bytes = Uint8Array<ArrayBuffer>;

async function setUp(key: Uint8Array, nonce: Uint8Array): Promise<CryptoKey> {
  keyRoom.set(key);
  iv.set(nonce);
  return subtle.importKey("raw", keyRoom, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function withAad(message: Bytes, end: number) {
  return { name: "AES-GCM", iv, additionalData: message.subarray(4, end) };
}

/** The floor with the bytes around it: `receive` opens what `send` made last. */
export async function bareMessages(): Promise<MessageFloor> {
  const pair = await createKeyPair();
  const data = new Uint8Array(DATA);
  const turn = new DataView(data.buffer);
  let message = data;
  return {
    async send() {
      turn.setUint32(0, turn.getUint32(0) + 1);
      message = await seal(pair.privateKey, data);
    },
    async receive() {
      await open(pair.publicKey, message);
    },
  };
}

async function seal(key: CryptoKey, data: Bytes): Promise<Bytes> {
  signed.set(data, SIGNED_HEAD);
  const signature = new Uint8Array(await subtle.sign("Ed25519", key, signed));
  await subtle.digest("SHA-256", signed);
  content.set(data, 2);
  content.set(signature, 4 + DATA);
  const inner = suite.expandEach(secret, generation, lengths);
  crypto.getRandomValues(senderData.subarray(8));
  for (let i = 0; i < 4; i++) inner.nonce[i] = (inner.nonce[i] ?? 0) ^ (senderData[8 + i] ?? 0);
  const message = new Uint8Array(CIPHERTEXT_AT + content.length + 16);
  message.set(HEADER);
  const innerKey = await setUp(inner.key, inner.nonce);
  message.set(
    new Uint8Array(await subtle.encrypt(withAad(message, HEADER.length + 1), innerKey, content)),
    CIPHERTEXT_AT,
  );
  const outer = ofSenderData(message.subarray(CIPHERTEXT_AT, CIPHERTEXT_AT + SAMPLE), OUTER);
  const outerKey = await setUp(outer.key, outer.nonce);
  const sealed = await subtle.encrypt(withAad(message, HEADER.length), outerKey, senderData);
  message.set(new Uint8Array(sealed), SENDER_DATA_AT);
  return message;
}

const OUTER = { key: 16, nonce: 12 };

async function open(key: CryptoKey, message: Bytes): Promise<Bytes> {
  const outer = ofSenderData(message.subarray(CIPHERTEXT_AT, CIPHERTEXT_AT + SAMPLE), OUTER);
  const outerKey = await setUp(outer.key, outer.nonce);
  const sealed = message.subarray(SENDER_DATA_AT, SENDER_DATA_AT + SENDER_DATA);
  const from = new Uint8Array(await subtle.decrypt(withAad(message, HEADER.length), outerKey, sealed));
  const inner = suite.expandEach(secret, generation, lengths);
  for (let i = 0; i < 4; i++) inner.nonce[i] = (inner.nonce[i] ?? 0) ^ (from[8 + i] ?? 0);
  const innerKey = await setUp(inner.key, inner.nonce);
  const ciphertext = message.subarray(CIPHERTEXT_AT);
  const parameters = withAad(message, HEADER.length + 1);
  const opened = new Uint8Array(await subtle.decrypt(parameters, innerKey, ciphertext));
  const data = opened.slice(2, 2 + DATA);
  signed.set(data, SIGNED_HEAD);
  const signature = opened.subarray(4 + DATA, 4 + DATA + SIGNATURE);
  if (!(await subtle.verify("Ed25519", key, signature, signed))) throw new Error("not a message of ours");
  await subtle.digest("SHA-256", signed);
  return data;
}
