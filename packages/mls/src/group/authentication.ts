import { checkCertificates } from "../check-certificates.ts";
import { decode } from "../codec/codec.ts";
import type { Random } from "../crypto/cipher-suite.ts";
import { type Credential, encodeCredential } from "../credential.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import {
  EXTENSION_EXTERNAL_SENDERS,
  type Extension,
  externalSendersCodec,
  findExtension,
} from "../extension.ts";
import type { LeafNode } from "../leaf-node.ts";
import { checkLifetime, type LifetimeBounds } from "../lifetime.ts";
import type { PreSharedKeyId } from "../proposal.ts";
import { membersOf, type RatchetTree } from "../tree/ratchet-tree.ts";
import type { ExternalPolicy } from "./external-policy.ts";

/** What the engine is given from outside. It has no clock, no storage and no network. */
export interface EngineDeps {
  readonly random: Random;
  readonly authentication: AuthenticationPolicy;
  /** The pre-shared key with this id (RFC 9420 §8.4), if the application has it. */
  preSharedKey?(id: PreSharedKeyId): Promise<Uint8Array | undefined>;
  /**
   * What is asked of the lifetime of who is added, and of every leaf of a group that is joined (§7.3). A time in it is
   * for the calls that send; deps of calls that receive go without, unless a clock may decide what is valid.
   */
  readonly lifetimes?: LifetimeBounds;
  /** What is taken from outside the group; nothing where it is left out. */
  readonly external?: ExternalPolicy;
}

export interface CredentialQuestion {
  readonly credential: Credential;
  readonly signatureKey: Uint8Array;
  readonly cipherSuite: number;
  /** Extensions of the GroupContext under which the credential would stand. */
  readonly contextExtensions: readonly Extension[];
}

/**
 * The application's part of the Authentication Service (RFC 9420 §5.3.1, RFC 9750 §4). Whatever one of its functions
 * throws is a refusal: the engine then throws CREDENTIAL_INVALID with that as its cause.
 */
export interface AuthenticationPolicy {
  /**
   * Rejects a credential by throwing. Of x509 the engine has checked before that the first certificate is for the
   * signature key (§5.3); the chain's signatures, its dates, whom it leads to and what was revoked are for here.
   */
  validate(question: CredentialQuestion): Promise<void>;
  /** Whether two credentials are of one client: a second leaf of a client is refused (§12.2). */
  sameClient(a: Credential, b: Credential): boolean;
  /** Whether `after` may replace `before` in a leaf (§5.3.1, §7.3). */
  isSuccessor(before: Credential, after: Credential): boolean;
  /**
   * A name that two credentials share exactly if `sameClient` holds for them. Where it is given, the engine
   * compares names, in linear time; without it, it asks `sameClient` for each pair of a new leaf and a member.
   */
  clientId?(credential: Credential): string;
}

/** §5.3.1: asks the application about a credential. Throws CERTIFICATE_INVALID, CREDENTIAL_INVALID. */
async function authenticate(deps: EngineDeps, question: CredentialQuestion): Promise<void> {
  await checkCertificates(question.credential, question.signatureKey, question.cipherSuite);
  try {
    await deps.authentication.validate(question);
  } catch (cause) {
    throw refused(cause);
  }
}

/** The application's answer about credentials that it has seen before. Throws CREDENTIAL_INVALID where it throws. */
export function ask<T>(answer: () => T): T {
  try {
    return answer();
  } catch (cause) {
    throw refused(cause);
  }
}

function refused(cause: unknown): MlsError {
  return new MlsError("CREDENTIAL_INVALID", "the application refused a credential", {
    section: "§5.3.1",
    cause,
  });
}

/** §5.3.1, §7.3: asks about the credential of a leaf that joins the group, and checks its lifetime. */
export async function authenticateLeaf(
  deps: EngineDeps,
  leafNode: LeafNode,
  cipherSuite: number,
  contextExtensions: readonly Extension[],
): Promise<void> {
  const { credential, signatureKey } = leafNode;
  checkLifetime(leafNode, deps.lifetimes ?? {});
  await authenticate(deps, { credential, signatureKey, cipherSuite, contextExtensions });
}

/** §5.3.1: asks about a leaf that replaces another, if its credential or signature key is new. */
export async function authenticateSuccessor(
  deps: EngineDeps,
  before: LeafNode,
  after: LeafNode,
  cipherSuite: number,
  contextExtensions: readonly Extension[],
): Promise<void> {
  const unchanged =
    equalBytes(before.signatureKey, after.signatureKey) &&
    equalBytes(encodeCredential(before.credential), encodeCredential(after.credential));
  if (unchanged) return;
  await authenticateLeaf(deps, after, cipherSuite, contextExtensions);
  checkSuccession(deps, before, after, "§5.3.1");
}

/**
 * §5.3.1: asks about the leaf of who joins by an external commit; where it removes a member, it must be that member's
 * successor (§12.2). Unlike a member's new leaf it is validated even if nothing about it is new.
 */
export async function authenticateJoiner(
  deps: EngineDeps,
  removed: LeafNode | undefined,
  joiner: LeafNode,
  cipherSuite: number,
  contextExtensions: readonly Extension[],
): Promise<void> {
  await authenticateLeaf(deps, joiner, cipherSuite, contextExtensions);
  if (removed !== undefined) checkSuccession(deps, removed, joiner, "§12.2");
}

function checkSuccession(
  { authentication }: EngineDeps,
  before: LeafNode,
  after: LeafNode,
  section: string,
): void {
  if (!ask(() => authentication.isSuccessor(before.credential, after.credential))) {
    throw new MlsError("CREDENTIAL_INVALID", "the new credential is no successor of the old one", {
      section,
    });
  }
}

/** §5.3.1: the credentials of external senders are validated when the extension appears or changes. */
export async function authenticateExternalSenders(
  deps: EngineDeps,
  cipherSuite: number,
  contextExtensions: readonly Extension[],
): Promise<void> {
  const data = findExtension(contextExtensions, EXTENSION_EXTERNAL_SENDERS);
  if (data === undefined) return;
  for (const { credential, signatureKey } of decode(externalSendersCodec, data)) {
    await authenticate(deps, { credential, signatureKey, cipherSuite, contextExtensions });
  }
}

/** §12.2: no client has two leaves. `changed` holds the leaves that are new or have a new credential. */
export function checkClientsDiffer(
  policy: AuthenticationPolicy,
  tree: RatchetTree,
  changed: ReadonlySet<number>,
): void {
  if (changed.size === 0) return;
  const members = membersOf(tree);
  const repeated = ask(() => {
    const clientId = policy.clientId?.bind(policy);
    if (clientId === undefined) {
      return members.some(
        (one) =>
          changed.has(one.leaf) &&
          members.some(
            (other) =>
              one.leaf !== other.leaf &&
              policy.sameClient(one.leafNode.credential, other.leafNode.credential),
          ),
      );
    }
    const names = new Set(members.map(({ leafNode }) => clientId(leafNode.credential)));
    return names.size !== members.length;
  });
  if (repeated) throw new MlsError("CLIENT_REPEATED", "a client has two leaves", { section: "§12.2" });
}
