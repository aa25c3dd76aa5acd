import { decode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { encodeGroupContext } from "../group-context.ts";
import { type KeyPackage, keyPackageRef } from "../key-package.ts";
import {
  deriveEpochSecrets,
  deriveWelcomeKey,
  deriveWelcomeSecret,
  type EpochSecrets,
} from "../schedule/key-schedule.ts";
import { verifyConfirmationTag } from "../schedule/transcript.ts";
import {
  type GroupInfo,
  groupInfoCodec,
  type GroupSecrets,
  groupSecretsCodec,
  type Welcome,
} from "../welcome.ts";
import type { EngineDeps } from "./authentication.ts";
import { invalidWelcome } from "./invalid-welcome.ts";
import type { Predecessor } from "./predecessor.ts";
import { findPskSecret } from "./pre-shared-keys.ts";
import { checkWelcomePsks, type Succession } from "./successor-rules.ts";

export interface OpenedWelcome {
  readonly groupInfo: GroupInfo;
  readonly secrets: GroupSecrets;
  readonly epochSecrets: EpochSecrets;
  /** Where the group comes from, if it follows another one: still to be checked as well. */
  readonly origin: { readonly succession: Succession; readonly old: Predecessor } | undefined;
}

/** The old epoch that a reinitialized or branched group comes from, if this client was a member of it. */
export type FindPredecessor = (groupId: Uint8Array, epoch: bigint) => Promise<Predecessor | undefined>;

/**
 * Decrypts a Welcome with the key package that it is for, and checks that its secrets are those of its GroupInfo
 * (RFC 9420 §12.4.3.1). The tree and the signature are still to be checked.
 */
export async function openWelcome(
  suite: CipherSuite,
  bytes: Uint8Array,
  keyPackage: KeyPackage,
  initPrivateKey: Uint8Array,
  findPredecessor: FindPredecessor | undefined,
  deps: EngineDeps,
): Promise<OpenedWelcome> {
  const welcome = readWelcome(bytes);
  // §12.4.3.1: the suite of the Welcome is the key package's.
  if (welcome.cipherSuite !== keyPackage.cipherSuite) {
    throw invalidWelcome("the Welcome has another cipher suite than the key package");
  }
  const secrets = await openGroupSecrets(suite, welcome, keyPackage, initPrivateKey);
  const link = checkWelcomePsks(suite, secrets.psks);
  const old = link && (await findPredecessor?.(link.groupId, link.epoch));
  const pskSecret = await findPskSecret(suite, secrets.psks, old, "§12.4.3.1", deps);
  const groupInfo = await openGroupInfo(suite, welcome, secrets.joinerSecret, pskSecret);
  const { groupContext, confirmationTag } = groupInfo;
  // §12.4.3.1: the suite of the group is the key package's.
  if (groupContext.cipherSuite !== suite.id) {
    throw new MlsError("GROUP_INFO_INVALID", "the group has another cipher suite", { section: "§12.4.3.1" });
  }
  const context = encodeGroupContext(groupContext);
  const epochSecrets = deriveEpochSecrets(suite, secrets.joinerSecret, pskSecret, context);
  const { confirmedTranscriptHash } = groupContext;
  // §12.4.3.1: the confirmation tag of the GroupInfo.
  if (!verifyConfirmationTag(suite, epochSecrets.confirmationKey, confirmedTranscriptHash, confirmationTag)) {
    throw new MlsError("CONFIRMATION_TAG_INVALID", "the GroupInfo's confirmation tag is not the epoch's", {
      section: "§12.4.3.1",
    });
  }
  const origin = link && old && { succession: link.usage, old };
  return { groupInfo, secrets, epochSecrets, origin };
}

function readWelcome(bytes: Uint8Array): Welcome {
  const message = decode(mlsMessageCodec, bytes);
  if (message.kind !== "welcome") {
    throw new MlsError("WIRE_FORMAT_UNEXPECTED", `${message.kind} where a Welcome belongs`);
  }
  return message.welcome;
}

async function openGroupSecrets(
  suite: CipherSuite,
  welcome: Welcome,
  keyPackage: KeyPackage,
  initPrivateKey: Uint8Array,
): Promise<GroupSecrets> {
  const ref = keyPackageRef(suite, keyPackage);
  const entry = welcome.secrets.find(({ newMember }) => equalBytes(newMember, ref));
  if (entry === undefined) {
    throw new MlsError("NOT_INVITED", "the Welcome is for other key packages", { section: "§12.4.3.1" });
  }
  const plaintext = await suite
    .decryptWithLabel(
      initPrivateKey,
      keyPackage.initKey,
      "Welcome",
      welcome.encryptedGroupInfo,
      entry.encryptedGroupSecrets,
    )
    .catch((cause: unknown) => {
      throw invalidWelcome("the group secrets don't decrypt", { cause });
    });
  return decode(groupSecretsCodec, plaintext);
}

async function openGroupInfo(
  suite: CipherSuite,
  welcome: Welcome,
  joinerSecret: Uint8Array,
  pskSecret: Uint8Array,
): Promise<GroupInfo> {
  const { key, nonce } = deriveWelcomeKey(suite, deriveWelcomeSecret(suite, joinerSecret, pskSecret));
  const plaintext = await suite
    .open(key, nonce, new Uint8Array(), welcome.encryptedGroupInfo)
    .catch((cause: unknown) => {
      throw invalidWelcome("the GroupInfo doesn't decrypt", { cause });
    });
  return decode(groupInfoCodec, plaintext);
}
