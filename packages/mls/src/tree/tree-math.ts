/**
 * Index arithmetic of the array-based tree (RFC 9420 Appendix C). Leaf L is node 2L; the parents sit between
 * them. Indexes are stable while the tree grows or shrinks at its right edge. Widths are powers of two.
 * No bitwise operators on node indexes: they'd overflow at 2^31.
 */

/** Level of a node: 0 for a leaf, 1 for the parent of two leaves, and so on. */
function level(node: number): number {
  let k = 0;
  for (let x = node; x % 2 === 1; x = (x - 1) / 2) k++;
  return k;
}

/** Number of nodes of a tree with `leaves` leaves. */
export function nodeWidth(leaves: number): number {
  return leaves === 0 ? 0 : 2 * leaves - 1;
}

/** Smallest power of two that is at least `leaves` (the width that a full tree needs). */
export function fullWidth(leaves: number): number {
  let width = 1;
  while (width < leaves) width *= 2;
  return width;
}

/** Root of a full tree with `leaves` leaves (a power of two). */
export function root(leaves: number): number {
  return leaves - 1;
}

/** Left child; undefined for a leaf. */
export function left(node: number): number | undefined {
  const k = level(node);
  return k === 0 ? undefined : node - 2 ** (k - 1);
}

/** Right child; undefined for a leaf. */
export function right(node: number): number | undefined {
  const k = level(node);
  return k === 0 ? undefined : node + 2 ** (k - 1);
}

/** Parent in a full tree of `leaves` leaves; undefined for the root. */
export function parent(node: number, leaves: number): number | undefined {
  if (node === root(leaves)) return undefined;
  const k = level(node);
  const isLeftChild = Math.floor(node / 2 ** (k + 1)) % 2 === 0;
  return isLeftChild ? node + 2 ** k : node - 2 ** k;
}

/** Sibling in a full tree of `leaves` leaves; undefined for the root. */
export function sibling(node: number, leaves: number): number | undefined {
  const above = parent(node, leaves);
  if (above === undefined) return undefined;
  return node < above ? right(above) : left(above);
}

/** Whether `ancestor` is `node` or lies above it. */
export function covers(ancestor: number, node: number): boolean {
  const reach = 2 ** level(ancestor) - 1;
  return node >= ancestor - reach && node <= ancestor + reach;
}

/** Lowest node that covers both nodes. */
export function commonAncestor(a: number, b: number): number {
  let width = 2 ** level(a);
  let x = a;
  while (!covers(x, b)) {
    const isLeftChild = Math.floor(x / (2 * width)) % 2 === 0;
    x = isLeftChild ? x + width : x - width;
    width *= 2;
  }
  return x;
}
