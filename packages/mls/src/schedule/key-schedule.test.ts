import { expect } from "vitest";
import { decode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { authenticatedContentCodec } from "../framing/message.ts";
import { encodeGroupContext } from "../group-context.ts";
import { describeVectors, hex } from "../testing/vectors.ts";
import { deriveEpochSecrets, deriveJoinerSecret, deriveWelcomeSecret, exportFrom } from "./key-schedule.ts";
import { derivePskSecret } from "./psk-secret.ts";
import { confirmedTranscriptHash, interimTranscriptHash, verifyConfirmationTag } from "./transcript.ts";

interface KeyScheduleEpoch {
  tree_hash: string;
  commit_secret: string;
  psk_secret: string;
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

interface KeyScheduleVector {
  cipher_suite: number;
  group_id: string;
  initial_init_secret: string;
  epochs: KeyScheduleEpoch[];
}

describeVectors<KeyScheduleVector>("key-schedule", async (vector) => {
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
    expect(groupContext).toEqual(hex(epoch.group_context));

    const joinerSecret = deriveJoinerSecret(suite, initSecret, hex(epoch.commit_secret), groupContext);
    expect(joinerSecret).toEqual(hex(epoch.joiner_secret));
    const pskSecret = hex(epoch.psk_secret);
    expect(deriveWelcomeSecret(suite, joinerSecret, pskSecret)).toEqual(hex(epoch.welcome_secret));

    const secrets = deriveEpochSecrets(suite, joinerSecret, pskSecret, groupContext);
    expect(secrets).toEqual({
      senderDataSecret: hex(epoch.sender_data_secret),
      encryptionSecret: hex(epoch.encryption_secret),
      exporterSecret: hex(epoch.exporter_secret),
      externalSecret: hex(epoch.external_secret),
      confirmationKey: hex(epoch.confirmation_key),
      membershipKey: hex(epoch.membership_key),
      resumptionPsk: hex(epoch.resumption_psk),
      epochAuthenticator: hex(epoch.epoch_authenticator),
      initSecret: hex(epoch.init_secret),
    });

    const external = await suite.deriveKeyPair(secrets.externalSecret);
    expect(external.publicKey).toEqual(hex(epoch.external_pub));
    expect(await suite.hpkePublicKey(external.privateKey)).toEqual(external.publicKey);

    const { label, context, length, secret } = epoch.exporter;
    expect(exportFrom(suite, secrets.exporterSecret, label, hex(context), length)).toEqual(hex(secret));
    initSecret = secrets.initSecret;
  }
});

interface TranscriptVector {
  cipher_suite: number;
  confirmation_key: string;
  authenticated_content: string;
  interim_transcript_hash_before: string;
  confirmed_transcript_hash_after: string;
  interim_transcript_hash_after: string;
}

describeVectors<TranscriptVector>("transcript-hashes", (vector) => {
  const suite = cipherSuite(vector.cipher_suite);
  const { wireFormat, content, auth } = decode(authenticatedContentCodec, hex(vector.authenticated_content));
  expect(content.content.kind).toBe("commit");
  const tag = auth.confirmationTag ?? new Uint8Array();

  const before = hex(vector.interim_transcript_hash_before);
  const confirmed = confirmedTranscriptHash(suite, before, {
    wireFormat,
    content,
    signature: auth.signature,
  });
  expect(confirmed).toEqual(hex(vector.confirmed_transcript_hash_after));
  expect(verifyConfirmationTag(suite, hex(vector.confirmation_key), confirmed, tag)).toBe(true);
  const wrong = tag.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  expect(verifyConfirmationTag(suite, hex(vector.confirmation_key), confirmed, wrong)).toBe(false);
  expect(verifyConfirmationTag(suite, hex(vector.confirmation_key), confirmed, tag.subarray(1))).toBe(false);
  expect(interimTranscriptHash(suite, confirmed, tag)).toEqual(hex(vector.interim_transcript_hash_after));
});

interface PskVector {
  cipher_suite: number;
  psks: { psk_id: string; psk: string; psk_nonce: string }[];
  psk_secret: string;
}

describeVectors<PskVector>("psk_secret", (vector) => {
  const suite = cipherSuite(vector.cipher_suite);
  const psks = vector.psks.map((entry) => ({
    id: { kind: "external" as const, pskId: hex(entry.psk_id), nonce: hex(entry.psk_nonce) },
    psk: hex(entry.psk),
  }));
  expect(derivePskSecret(suite, psks)).toEqual(hex(vector.psk_secret));
});
