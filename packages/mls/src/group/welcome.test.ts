import { expect } from "vitest";
import { decode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { testDeps } from "../testing/people.ts";
import { describeVectors, hex } from "../testing/vectors.ts";
import { verifyGroupInfo } from "../welcome.ts";
import { openWelcome } from "./open-welcome.ts";

interface WelcomeVector {
  cipher_suite: number;
  init_priv: string;
  signer_pub: string;
  key_package: string;
  welcome: string;
}

describeVectors<WelcomeVector>("welcome", async (vector) => {
  const suite = cipherSuite(vector.cipher_suite);
  const message = decode(mlsMessageCodec, hex(vector.key_package));
  if (message.kind !== "keyPackage") throw new Error("not a key package");
  // openWelcome compares the confirmation tag with the one that the decrypted secrets give.
  const { groupInfo } = await openWelcome(
    suite,
    hex(vector.welcome),
    message.keyPackage,
    hex(vector.init_priv),
    testDeps("welcome"),
  );
  expect(await verifyGroupInfo(suite, groupInfo, hex(vector.signer_pub))).toBe(true);
});
