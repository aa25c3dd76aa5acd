import { AsnConvert } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Certificate, Name } from "@peculiar/asn1-x509";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { type ReadCertificate, readCertificate } from "../read-certificate.ts";
import { der } from "../testing/forge-certificate.ts";
import { mutateBytes } from "./mutate.ts";
import { mutateDer } from "./mutate-der.ts";
import { Finding } from "./oracle.ts";
import type { Outcome, Prepared, Run } from "./prepare.ts";

const file = readFileSync(join(import.meta.dirname, "../testing/certificates.json"), "utf8");
const stored: Record<"ed25519" | "p256", Record<"ann" | "middle" | "root", string>> = JSON.parse(file);
const REAL = [stored.ed25519, stored.p256].flatMap(({ ann, middle, root }) =>
  [ann, middle, root].map(hexToBytes),
);

/** A certificate, changed: what is taken, a parser of everything in certificates takes too, and reads the same in it. */
export function fuzzCertificates(run: Run): Promise<Outcome> {
  const { prepared, dice } = run;
  const samples = [...REAL, ...certificatesIn(prepared)];
  const input = dice.oneIn(3)
    ? mutateBytes(dice.pick(samples), samples, dice)
    : mutateDer(dice.pick(samples), dice);
  run.input = input;
  let read: ReadCertificate;
  try {
    read = readCertificate(input);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) throw error;
    return Promise.resolve({ result: "refused", code: error.message });
  }
  const { subject, issuer, subjectPublicKeyInfo } = parse(input, Certificate).tbsCertificate;
  const { algorithm, subjectPublicKey } = subjectPublicKeyInfo;
  const same =
    equalBytes(read.publicKey, new Uint8Array(subjectPublicKey)) &&
    isSame(AlgorithmIdentifier, read.keyAlgorithm, algorithm) &&
    isSame(Name, read.subject, subject) &&
    isSame(Name, read.issuer, issuer);
  if (!same) throw new Finding("a certificate that says something else to another parser");
  return Promise.resolve({ result: "taken" });
}

function certificatesIn({ world }: Prepared): readonly Uint8Array[] {
  const { credential } = world.joiner.who;
  return credential.kind === "x509" ? credential.certificates : [];
}

function parse<T>(input: Uint8Array, type: new () => T): T {
  try {
    return AsnConvert.parse(input, type);
  } catch (cause) {
    throw new Finding("a certificate that another parser refuses", { cause });
  }
}

/** Whether the other parser sees the same in a slice as in its place. It mends text that isn't UTF-8, in both. */
function isSame<T>(type: new () => T, slice: Uint8Array, inPlace: T): boolean {
  const alone = parse(hexToBytes(der(0x30, bytesToHex(slice))), type);
  const bytes = [alone, inPlace].map((value) => bytesToHex(new Uint8Array(AsnConvert.serialize(value))));
  return bytes[0] === bytes[1];
}
