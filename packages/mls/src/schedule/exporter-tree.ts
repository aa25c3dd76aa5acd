import { utf8ToBytes } from "@noble/hashes/utils.js";
import { opaque, struct, u16, u8, vector } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";

/**
 * The Exporter Tree of draft-ietf-mls-extensions ("Exported Secrets") as an immutable value: a tree like the secret
 * tree of RFC 9420 §9, with a leaf for each of the 2^16 component ids. A node holds its secret only until something
 * below it was taken, so that what was exported can't be derived again (§9.2).
 */
export type ExporterTree =
  | { readonly kind: "secret"; readonly secret: Uint8Array }
  | { readonly kind: "split"; readonly left: ExporterTree; readonly right: ExporterTree }
  | { readonly kind: "used" };

const LEVELS = 16;

const USED_UP: ExporterTree = { kind: "used" };

/** The tree of an epoch. The secret is consumed: the caller drops it. */
export function createExporterTree(applicationExportSecret: Uint8Array): ExporterTree {
  return { kind: "secret", secret: applicationExportSecret };
}

/** The secret of a component, and the tree without it. Throws EXPORT_USED the second time. */
export function takeExport(
  suite: CipherSuite,
  tree: ExporterTree,
  componentId: number,
): { tree: ExporterTree; secret: Uint8Array } {
  if (!Number.isInteger(componentId) || componentId < 0 || componentId >= 2 ** LEVELS) {
    throw new RangeError(`${componentId} is no component id`);
  }
  return takeLeaf(suite, tree, componentId, LEVELS);
}

/** `leaf` counts from the first leaf below the node. Deep as the tree: 16 levels. */
function takeLeaf(
  suite: CipherSuite,
  node: ExporterTree,
  leaf: number,
  level: number,
): { tree: ExporterTree; secret: Uint8Array } {
  if (node.kind === "used") {
    throw new MlsError("EXPORT_USED", "this component's secret of the epoch was exported before");
  }
  if (level === 0) {
    if (node.kind === "split") throw new MlsError("RECORD_INVALID", "a parent in the place of a leaf");
    return { tree: USED_UP, secret: node.secret };
  }
  const { left, right } = node.kind === "split" ? node : split(suite, node.secret);
  const half = 2 ** (level - 1);
  const isLeft = leaf < half;
  const taken = takeLeaf(suite, isLeft ? left : right, isLeft ? leaf : leaf - half, level - 1);
  const [newLeft, newRight] = isLeft ? [taken.tree, right] : [left, taken.tree];
  const isEmpty = newLeft.kind === "used" && newRight.kind === "used";
  return {
    tree: isEmpty ? USED_UP : { kind: "split", left: newLeft, right: newRight },
    secret: taken.secret,
  };
}

function split(suite: CipherSuite, secret: Uint8Array): { left: ExporterTree; right: ExporterTree } {
  const child = (side: Uint8Array): ExporterTree => ({
    kind: "secret",
    secret: suite.expandWithLabel(secret, "tree", side, suite.hashLength),
  });
  return { left: child(LEFT), right: child(RIGHT) };
}

const LEFT = utf8ToBytes("left");
const RIGHT = utf8ToBytes("right");

/** A node that holds a secret; everything that no such node covers is used. */
export interface StoredExport {
  /** The first leaf below it. */
  readonly first: number;
  readonly level: number;
  readonly secret: Uint8Array;
}

export const storedExportsCodec = vector(struct<StoredExport>({ first: u16, level: u8, secret: opaque }));

/** What is left of a tree, from left to right: at most 16 nodes more for each component that was exported. */
export function storedExports(tree: ExporterTree): StoredExport[] {
  return below(tree, 0, LEVELS);
}

function below(node: ExporterTree, first: number, level: number): StoredExport[] {
  switch (node.kind) {
    case "used":
      return [];
    case "secret":
      return [{ first, level, secret: node.secret }];
    case "split":
      return [
        ...below(node.left, first, level - 1),
        ...below(node.right, first + 2 ** (level - 1), level - 1),
      ];
  }
}

/** The tree that these nodes make up. Throws RECORD_INVALID if they overlap or aren't nodes of one. */
export function loadExports(suite: CipherSuite, stored: readonly StoredExport[]): ExporterTree {
  let next = 0;
  for (const { first, level, secret } of stored) {
    const width = 2 ** level;
    if (level > LEVELS || first % width !== 0 || first < next || secret.length !== suite.hashLength) {
      throw new MlsError("RECORD_INVALID", "what is left of the exporter tree is no part of one");
    }
    next = first + width;
  }
  return built(stored, 0, LEVELS);
}

function built(stored: readonly StoredExport[], first: number, level: number): ExporterTree {
  const [node] = stored;
  if (node === undefined) return USED_UP;
  if (node.level === level) return { kind: "secret", secret: node.secret };
  const middle = first + 2 ** (level - 1);
  const left = built(
    stored.filter((one) => one.first < middle),
    first,
    level - 1,
  );
  const right = built(
    stored.filter((one) => one.first >= middle),
    middle,
    level - 1,
  );
  return { kind: "split", left, right };
}
