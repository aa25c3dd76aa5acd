import { NO_BYTES } from "../codec/shared.ts";
import type { CipherSuite, HpkeKeyPair, Random } from "../crypto/cipher-suite.ts";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";

const EXPORT_LABEL = utf8ToBytes("MLS 1.0 external init secret");

/** The group's HPKE key pair of an epoch for those who join from outside (RFC 9420 §8, external_priv and external_pub). */
export function externalKeyPair(suite: CipherSuite, externalSecret: Uint8Array): Promise<HpkeKeyPair> {
  return suite.deriveKeyPair(externalSecret);
}

/** RFC 9420 §8.3, the joiner's side: a fresh init secret, and the KEM output that brings it to the members. */
export async function createExternalInit(
  suite: CipherSuite,
  externalPub: Uint8Array,
  random: Random,
): Promise<{ kemOutput: Uint8Array; initSecret: Uint8Array }> {
  const { hashLength } = suite;
  const { kemOutput, secret } = await suite.sendExport(
    externalPub,
    NO_BYTES,
    EXPORT_LABEL,
    hashLength,
    random,
  );
  return { kemOutput, initSecret: secret };
}

/** RFC 9420 §8.3, the members' side. Throws PROPOSAL_INVALID for what is no output of the suite's KEM. */
export async function openExternalInit(
  suite: CipherSuite,
  externalSecret: Uint8Array,
  kemOutput: Uint8Array,
): Promise<Uint8Array> {
  const { privateKey, publicKey } = await externalKeyPair(suite, externalSecret);
  const { hashLength } = suite;
  try {
    return await suite.receiveExport(kemOutput, privateKey, publicKey, NO_BYTES, EXPORT_LABEL, hashLength);
  } catch (cause) {
    throw new MlsError("PROPOSAL_INVALID", "the ExternalInit's KEM output is none of the suite", {
      section: "§12.1.6",
      cause,
    });
  }
}
