import { readAttestation, signLogin } from "@thicket/credential";
import { signEd25519 } from "@thicket/mls";
import type { Hello, Login } from "@thicket/protocol";
import type { AccountRow } from "../tables.ts";

/** The device's proof for one connection to one service; undefined for an account that isn't attested yet. */
export async function loginOf(
  account: AccountRow,
  role: "ds" | "as",
  origin: string,
  greeting: { hello: Hello; socketId: string },
): Promise<Login | undefined> {
  const { attestation, deviceCertificate } = account;
  if (attestation === undefined) return undefined;
  const signature = await signLogin((message) => signEd25519(account.devicePrivateKey, message), {
    role,
    nonce: greeting.hello.nonce,
    origin,
    socketId: greeting.socketId,
  });
  return { attestation, deviceCertificate, signature };
}

/** Whether two thirds of the attestation's life are over (REC-9). `now` in ms. */
export function isRenewalDue({ attestation }: AccountRow, now: number): boolean {
  const read = attestation && readAttestation(attestation);
  if (read?.ok !== true) return false;
  const { notBefore, notAfter } = read.value;
  return BigInt(Math.floor(now / 1000)) > notBefore + ((notAfter - notBefore) * 2n) / 3n;
}
