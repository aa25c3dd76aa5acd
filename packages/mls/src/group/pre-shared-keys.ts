import { bytesToHex } from "@noble/hashes/utils.js";
import { encode } from "../codec/codec.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import type { CipherSuite, Random } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import { type PreSharedKeyId, preSharedKeyIdCodec, type Proposal } from "../proposal.ts";
import { derivePskSecret } from "../schedule/psk-secret.ts";
import type { EngineDeps } from "./authentication.ts";

/** A pre-shared key to inject, by its name; the engine adds the nonce (RFC 9420 §8.4). */
export type PskReference =
  | { readonly kind: "external"; readonly pskId: Uint8Array }
  | { readonly kind: "resumption"; readonly groupId: Uint8Array; readonly epoch: bigint };

/** Where a resumption PSK comes from, with the key itself. */
export interface HeldResumptionPsk {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly resumptionPsk: Uint8Array;
}

/** The proposal that injects a pre-shared key into a running group (§12.1.4). */
export function pskProposal(
  suite: CipherSuite,
  psk: PskReference,
  random: Random,
  usage: "application" | "reinit" | "branch" = "application",
): Proposal {
  // §8.4: a fresh nonce of Nh bytes every time that a PSK is injected.
  const nonce = random.bytes(suite.hashLength);
  if (psk.kind === "external") {
    return { kind: "psk", psk: { kind: "external", pskId: psk.pskId, nonce } };
  }
  const { groupId, epoch } = psk;
  return { kind: "psk", psk: { kind: "resumption", usage, groupId, epoch, nonce } };
}

/** §12.2: whether one of these ids, nonce included, stands there twice. */
export function isPskRepeated(ids: readonly PreSharedKeyId[]): boolean {
  return new Set(ids.map((id) => bytesToHex(encode(preSharedKeyIdCodec, id)))).size !== ids.length;
}

/**
 * psk_secret of RFC 9420 §8.4. Resumption PSKs that the engine itself holds are taken from `held`, all others are
 * the application's to give. Throws PSK_UNAVAILABLE with the section of the message that asks for them.
 */
export async function findPskSecret(
  suite: CipherSuite,
  ids: readonly PreSharedKeyId[],
  held: HeldResumptionPsk | undefined,
  section: "§12.4.2" | "§12.4.3.1",
  deps: EngineDeps,
): Promise<Uint8Array> {
  const psks: { id: PreSharedKeyId; psk: Uint8Array }[] = [];
  for (const id of ids) {
    const psk = isHeld(held, id) ? held.resumptionPsk : await askFor(id, deps);
    if (psk === undefined) {
      throw new MlsError("PSK_UNAVAILABLE", `a ${id.kind} pre-shared key is missing`, { section });
    }
    psks.push({ id, psk });
  }
  return derivePskSecret(suite, psks);
}

function isHeld(held: HeldResumptionPsk | undefined, id: PreSharedKeyId): held is HeldResumptionPsk {
  return (
    held !== undefined &&
    id.kind === "resumption" &&
    id.epoch === held.epoch &&
    equalBytes(id.groupId, held.groupId)
  );
}

/** Reinitialization and branching have checks of their own, so their PSKs never come from the application (§11.2). */
async function askFor(id: PreSharedKeyId, deps: EngineDeps): Promise<Uint8Array | undefined> {
  if (id.kind === "resumption" && id.usage !== "application") return undefined;
  return deps.preSharedKey?.(id);
}
