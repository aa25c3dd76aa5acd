import { NO_BYTES } from "../codec/shared.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";

/** What an epoch's secret yields (RFC 9420 §8, table 4), every one of Nh bytes. */
export interface EpochSecrets {
  readonly senderDataSecret: Uint8Array;
  /** The root of the secret tree: consumed when the tree is made, not to be kept. */
  readonly encryptionSecret: Uint8Array;
  readonly exporterSecret: Uint8Array;
  readonly externalSecret: Uint8Array;
  readonly confirmationKey: Uint8Array;
  readonly membershipKey: Uint8Array;
  readonly resumptionPsk: Uint8Array;
  readonly epochAuthenticator: Uint8Array;
  readonly initSecret: Uint8Array;
  /** The root of the exporter tree of draft-ietf-mls-extensions: consumed when the tree is made, not to be kept. */
  readonly applicationExportSecret: Uint8Array;
}

/**
 * The joiner secret of an epoch: from the init secret of the one before, the commit secret of the path, and the
 * encoded GroupContext of the new epoch.
 */
export function deriveJoinerSecret(
  suite: CipherSuite,
  initSecret: Uint8Array,
  commitSecret: Uint8Array,
  groupContext: Uint8Array,
): Uint8Array {
  return suite.expandWithLabel(
    suite.extract(initSecret, commitSecret),
    "joiner",
    groupContext,
    suite.hashLength,
  );
}

/** The secret that encrypts a Welcome's GroupInfo. `pskSecret` is zeroSecret(suite) where there are no PSKs. */
export function deriveWelcomeSecret(
  suite: CipherSuite,
  joinerSecret: Uint8Array,
  pskSecret: Uint8Array,
): Uint8Array {
  return suite.deriveSecret(suite.extract(joinerSecret, pskSecret), "welcome");
}

/** Key and nonce of a Welcome's GroupInfo (§12.4.3.1). */
export function deriveWelcomeKey(
  suite: CipherSuite,
  welcomeSecret: Uint8Array,
): { key: Uint8Array; nonce: Uint8Array } {
  return {
    key: suite.expandWithLabel(welcomeSecret, "key", NO_BYTES, suite.keyLength),
    nonce: suite.expandWithLabel(welcomeSecret, "nonce", NO_BYTES, suite.nonceLength),
  };
}

/** The secrets of an epoch from its joiner secret and its encoded GroupContext. */
export function deriveEpochSecrets(
  suite: CipherSuite,
  joinerSecret: Uint8Array,
  pskSecret: Uint8Array,
  groupContext: Uint8Array,
): EpochSecrets {
  const intermediate = suite.extract(joinerSecret, pskSecret);
  return secretsOfEpoch(suite, suite.expandWithLabel(intermediate, "epoch", groupContext, suite.hashLength));
}

/** The secrets of an epoch whose epoch secret is known: epoch 0 starts from a random one (§11). */
export function secretsOfEpoch(suite: CipherSuite, epochSecret: Uint8Array): EpochSecrets {
  return {
    senderDataSecret: suite.deriveSecret(epochSecret, "sender data"),
    encryptionSecret: suite.deriveSecret(epochSecret, "encryption"),
    exporterSecret: suite.deriveSecret(epochSecret, "exporter"),
    externalSecret: suite.deriveSecret(epochSecret, "external"),
    confirmationKey: suite.deriveSecret(epochSecret, "confirm"),
    membershipKey: suite.deriveSecret(epochSecret, "membership"),
    resumptionPsk: suite.deriveSecret(epochSecret, "resumption"),
    epochAuthenticator: suite.deriveSecret(epochSecret, "authentication"),
    initSecret: suite.deriveSecret(epochSecret, "init"),
    applicationExportSecret: suite.deriveSecret(epochSecret, "application_export"),
  };
}

/** MLS-Exporter (§8.5): `length` bytes bound to this epoch, the label and the context. */
export function exportFrom(
  suite: CipherSuite,
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return suite.expandWithLabel(
    suite.deriveSecret(exporterSecret, label),
    "exported",
    suite.hash(context),
    length,
  );
}

/** The psk_secret of a commit without PSKs: zeros (§8.4). Also the commit_secret of a commit without a path. */
export function zeroSecret(suite: CipherSuite): Uint8Array {
  return new Uint8Array(suite.hashLength);
}
