import { encode } from "../codec/codec.ts";
import type { Credential } from "../credential.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { extensionsCodec } from "../extension.ts";
import type { GroupContext } from "../group-context.ts";
import type { PreSharedKeyId } from "../proposal.ts";
import { MLS10 } from "../version.ts";
import { ask, type AuthenticationPolicy } from "./authentication.ts";
import { invalidWelcome } from "./invalid-welcome.ts";
import type { Predecessor } from "./predecessor.ts";
import { isPskRepeated } from "./pre-shared-keys.ts";

/** How a group comes from another one. */
export type Succession = "reinit" | "branch";

/** A pre-shared key that says from which epoch of which group a new group comes. */
export interface SuccessionPskId {
  readonly kind: "resumption";
  readonly usage: Succession;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly nonce: Uint8Array;
}

/**
 * The rules for the pre-shared keys of a Welcome (RFC 9420 §8.4, §12.2, §12.4.3.1), which are those of the commit
 * behind it. Returns the one that links the group to an old one, if any. Throws WELCOME_INVALID.
 */
export function checkWelcomePsks(
  suite: CipherSuite,
  psks: readonly PreSharedKeyId[],
): SuccessionPskId | undefined {
  if (psks.some(({ nonce }) => nonce.length !== suite.hashLength)) {
    throw invalidWelcome("a PSK nonce of the wrong length", { section: "§8.4" });
  }
  if (isPskRepeated(psks)) throw invalidWelcome("a pre-shared key twice", { section: "§12.2" });
  const links = psks.filter((id) => isSuccession(id));
  if (links.length > 1) throw invalidWelcome("a group that comes from two others");
  return links[0];
}

function isSuccession(id: PreSharedKeyId): id is SuccessionPskId {
  return id.kind === "resumption" && id.usage !== "application";
}

/**
 * Whether a group is what was to come of the old one (RFC 9420 §11.2, §11.3, §12.4.3.1). Throws SUCCESSOR_INVALID,
 * CREDENTIAL_INVALID. `credentials` are those of all members of the new group.
 */
export function checkSuccessor(
  succession: Succession,
  old: Predecessor,
  context: GroupContext,
  credentials: readonly Credential[],
  policy: AuthenticationPolicy,
): void {
  if (context.epoch !== 1n) throw invalid("the new group isn't in its first epoch", "§12.4.3.1");
  if (succession === "reinit") {
    checkParameters(old, context);
    // §11.2: the same membership, so nobody is missing (§12.4.3.1) and nobody new is there.
    if (!areAmong(old.credentials, credentials, policy)) throw invalid("a member was left out", "§12.4.3.1");
    if (!areAmong(credentials, old.credentials, policy)) {
      throw invalid("a member that the old group doesn't have", "§11.2");
    }
    return;
  }
  // The version is mls10 for every group of this build.
  if (context.cipherSuite !== old.cipherSuite) {
    throw invalid("another cipher suite than the old group's", "§11.3");
  }
  if (!areAmong(credentials, old.credentials, policy)) {
    throw invalid("a member that the old group doesn't have", "§11.3");
  }
}

/** §11.2: version, cipher suite, group id and extensions are those of the ReInit. */
function checkParameters({ reinit }: Predecessor, context: GroupContext): void {
  if (reinit === undefined) throw invalid("the old group wasn't reinitialized", "§12.4.3.1");
  if (reinit.version !== MLS10) throw invalid("another version than the ReInit's", "§11.2");
  if (reinit.cipherSuite !== context.cipherSuite) {
    throw invalid("another cipher suite than the ReInit's", "§11.2");
  }
  if (!equalBytes(reinit.groupId, context.groupId))
    throw invalid("another group id than the ReInit's", "§11.2");
  const [wanted, given] = [reinit.extensions, context.extensions].map((list) =>
    encode(extensionsCodec, list),
  );
  if (wanted === undefined || given === undefined || !equalBytes(wanted, given)) {
    throw invalid("other extensions than the ReInit's", "§11.2");
  }
}

/** Whether each of these clients is one of those, according to the application. */
function areAmong(
  some: readonly Credential[],
  all: readonly Credential[],
  policy: AuthenticationPolicy,
): boolean {
  return ask(() => {
    const clientId = policy.clientId?.bind(policy);
    if (clientId === undefined)
      return some.every((one) => all.some((other) => policy.sameClient(one, other)));
    const names = new Set(all.map((credential) => clientId(credential)));
    return some.every((credential) => names.has(clientId(credential)));
  });
}

function invalid(message: string, section: string): MlsError {
  return new MlsError("SUCCESSOR_INVALID", message, { section });
}
