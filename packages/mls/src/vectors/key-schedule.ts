import { decode, encode } from "../codec/codec.ts";
import { type CipherSuite, cipherSuite } from "../crypto/cipher-suite.ts";
import { encodeGroupContext, groupContextCodec } from "../group-context.ts";
import {
  deriveEpochSecrets,
  deriveJoinerSecret,
  deriveWelcomeSecret,
  exportFrom,
  zeroSecret,
} from "../schedule/key-schedule.ts";
import { hex, sameBytes } from "./compare.ts";

interface KeyScheduleEpoch {
  tree_hash: string;
  commit_secret: string;
  psk_secret?: string | null;
  confirmed_transcript_hash: string;
  group_context: string;
  joiner_secret: string;
  welcome_secret: string;
  init_secret: string;
  sender_data_secret: string;
  encryption_secret: string;
  exporter_secret: string;
  epoch_authenticator: string;
  external_secret: string;
  confirmation_key: string;
  membership_key: string;
  resumption_psk: string;
  external_pub: string;
  exporter: { label: string; context: string; length: number; secret: string };
}

export interface KeyScheduleVector {
  cipher_suite: number;
  group_id: string;
  initial_init_secret: string;
  epochs: KeyScheduleEpoch[];
}

export async function checkKeySchedule(vector: KeyScheduleVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  let initSecret = hex(vector.initial_init_secret);
  for (const [index, epoch] of vector.epochs.entries()) {
    const groupContext = encodeGroupContext({
      cipherSuite: suite.id,
      groupId: hex(vector.group_id),
      epoch: BigInt(index),
      treeHash: hex(epoch.tree_hash),
      confirmedTranscriptHash: hex(epoch.confirmed_transcript_hash),
      extensions: [],
    });
    sameBytes(`group_context of epoch ${index}`, groupContext, epoch.group_context);
    const again = encode(groupContextCodec, decode(groupContextCodec, groupContext));
    sameBytes("group_context encoded again", again, epoch.group_context);
    initSecret = await checkEpoch(suite, initSecret, epoch, index);
  }
}

/** Returns the init secret for the next epoch. */
async function checkEpoch(
  suite: CipherSuite,
  initSecret: Uint8Array,
  epoch: KeyScheduleEpoch,
  index: number,
): Promise<Uint8Array> {
  const groupContext = hex(epoch.group_context);
  const joinerSecret = deriveJoinerSecret(suite, initSecret, hex(epoch.commit_secret), groupContext);
  const pskSecret = typeof epoch.psk_secret === "string" ? hex(epoch.psk_secret) : zeroSecret(suite);
  const secrets = deriveEpochSecrets(suite, joinerSecret, pskSecret, groupContext);
  const computed: [Exclude<keyof KeyScheduleEpoch, "psk_secret" | "exporter">, Uint8Array][] = [
    ["joiner_secret", joinerSecret],
    ["welcome_secret", deriveWelcomeSecret(suite, joinerSecret, pskSecret)],
    ["init_secret", secrets.initSecret],
    ["sender_data_secret", secrets.senderDataSecret],
    ["encryption_secret", secrets.encryptionSecret],
    ["exporter_secret", secrets.exporterSecret],
    ["epoch_authenticator", secrets.epochAuthenticator],
    ["external_secret", secrets.externalSecret],
    ["confirmation_key", secrets.confirmationKey],
    ["membership_key", secrets.membershipKey],
    ["resumption_psk", secrets.resumptionPsk],
  ];
  for (const [name, secret] of computed) sameBytes(`${name} of epoch ${index}`, secret, epoch[name]);
  const external = await suite.deriveKeyPair(secrets.externalSecret);
  sameBytes(`external_pub of epoch ${index}`, external.publicKey, epoch.external_pub);
  const publicHalf = await suite.hpkePublicKey(external.privateKey);
  sameBytes("the public half of the external private key", publicHalf, epoch.external_pub);
  const { label, context, length } = epoch.exporter;
  const exported = exportFrom(suite, secrets.exporterSecret, label, hex(context), length);
  sameBytes(`exporter of epoch ${index}`, exported, epoch.exporter.secret);
  return secrets.initSecret;
}
