import { expect, test } from "vitest";
import { hex } from "../vectors/compare.ts";
import { cipherSuite } from "./cipher-suite.ts";

// RFC 9180 appendix A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, mode Base.
const info = hex("4f6465206f6e2061204772656369616e2055726e");
const recipient = {
  publicKey: hex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"),
  privateKey: hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
};
const kemOutput = hex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
const ephemeral = {
  bytes: (): Uint8Array => hex("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"),
};

test("HPKE seals and opens the published example of RFC 9180 A.1.1", async () => {
  const suite = cipherSuite(1);
  const aad = hex("436f756e742d30");
  const plaintext = hex("4265617574792069732074727574682c20747275746820626561757479");
  const sealed = await suite.sealBase(recipient.publicKey, info, aad, plaintext, ephemeral);
  expect(sealed).toEqual({
    kemOutput,
    ciphertext: hex(
      "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
    ),
  });
  expect(await suite.openBase(recipient.privateKey, undefined, info, aad, sealed)).toEqual(plaintext);
});

test.each([
  ["", "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee"],
  ["00", "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5"],
  ["54657374436f6e74657874", "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"],
])("HPKE exports under context '%s' what RFC 9180 A.1.1 says", async (context, exported) => {
  const suite = cipherSuite(1);
  const sent = await suite.sendExport(recipient.publicKey, info, hex(context), 32, ephemeral);
  expect(sent).toEqual({ kemOutput, secret: hex(exported) });
  expect(
    await suite.receiveExport(kemOutput, recipient.privateKey, recipient.publicKey, info, hex(context), 32),
  ).toEqual(hex(exported));
});

// RFC 9180 appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, mode Base.
test("HPKE over P-256 derives, seals and opens the published example of RFC 9180 A.3.1", async () => {
  const suite = cipherSuite(2);
  const own = await suite.deriveKeyPair(
    hex("668b37171f1072f3cf12ea8a236a45df23fc13b82af3609ad1e354f6ef817550"),
  );
  expect(own).toEqual({
    privateKey: hex("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"),
    publicKey: hex(
      "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
    ),
  });
  const random = {
    bytes: (): Uint8Array => hex("4270e54ffd08d79d5928020af4686d8f6b7d35dbe470265f1f5aa22816ce860e"),
  };
  const aad = hex("436f756e742d30");
  const plaintext = hex("4265617574792069732074727574682c20747275746820626561757479");
  const sealed = await suite.sealBase(own.publicKey, info, aad, plaintext, random);
  expect(sealed).toEqual({
    kemOutput: hex(
      "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
    ),
    ciphertext: hex(
      "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
    ),
  });
  expect(await suite.openBase(own.privateKey, undefined, info, aad, sealed)).toEqual(plaintext);
});
