import { MlsError } from "./errors.ts";
import type { UnsignedLeafNode } from "./leaf-node.ts";

/** What an application asks of the lifetimes of leaves that come from key packages (RFC 9420 §7.2, §7.3). */
export interface LifetimeBounds {
  /**
   * The longest total lifetime in seconds. §7.2 asks every application to have one. It looks at signed bytes alone, and
   * decides with the others whether a commit is valid: it must be the same at all members. No bound by default.
   */
  readonly longest?: bigint;
  /**
   * The time in whole ms since the Unix epoch: with it, a leaf must be within its lifetime. §7.3 demands that of who
   * sends an Add, and recommends it to receivers. Clocks differ, and a leaf may expire on its way or in the tree: a
   * receiver that passes the time may refuse what others take, and is then alone in its group. No check by default.
   */
  readonly now?: number;
}

/** Throws LIFETIME_INVALID. Leaves of source update and commit have no lifetime. */
export function checkLifetime({ source }: Pick<UnsignedLeafNode, "source">, bounds: LifetimeBounds): void {
  if (source.kind !== "keyPackage") return;
  const { notBefore, notAfter } = source.lifetime;
  if (bounds.longest !== undefined && notAfter - notBefore > bounds.longest) {
    throw new MlsError("LIFETIME_INVALID", "the leaf's lifetime is too long", { section: "§7.2" });
  }
  if (bounds.now === undefined) return;
  const seconds = BigInt(Math.floor(bounds.now / 1000));
  if (seconds < notBefore || seconds > notAfter) {
    throw new MlsError("LIFETIME_INVALID", "the leaf is not within its lifetime", { section: "§7.3" });
  }
}
