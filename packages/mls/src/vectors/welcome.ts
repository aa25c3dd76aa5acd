import { bytesToHex } from "@noble/hashes/utils.js";
import { decode, encode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { openWelcome } from "../group/open-welcome.ts";
import { verifyGroupInfo } from "../welcome.ts";
import { hpkePrivateKey, readKeyPackage, trustingDeps } from "./client-parts.ts";
import { hex, holds, sameBytes } from "./compare.ts";

export interface WelcomeVector {
  cipher_suite: number;
  init_priv: string;
  signer_pub: string;
  key_package: string;
  welcome: string;
}

export async function checkWelcome(vector: WelcomeVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const keyPackage = readKeyPackage(vector.key_package);
  const initKey = hpkePrivateKey(vector.init_priv, keyPackage.initKey);
  sameBytes(
    "the public half of init_priv",
    await suite.hpkePublicKey(initKey),
    bytesToHex(keyPackage.initKey),
  );
  const welcome = hex(vector.welcome);
  const again = encode(mlsMessageCodec, decode(mlsMessageCodec, welcome));
  sameBytes("welcome encoded again", again, vector.welcome);
  // openWelcome compares the confirmation tag with the one that the decrypted secrets give.
  const { groupInfo } = await openWelcome(
    suite,
    welcome,
    keyPackage,
    initKey,
    undefined,
    trustingDeps(() => undefined),
  );
  const genuine = await verifyGroupInfo(suite, groupInfo, hex(vector.signer_pub));
  holds("the GroupInfo's signature verifies", genuine);
}
