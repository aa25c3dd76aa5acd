import { left, nodeWidth, parent, right, root, sibling } from "../tree/tree-math.ts";
import { same } from "./compare.ts";

export interface TreeMathVector {
  n_leaves: number;
  n_nodes: number;
  root: number;
  left: (number | null)[];
  right: (number | null)[];
  parent: (number | null)[];
  sibling: (number | null)[];
}

export async function checkTreeMath(vector: TreeMathVector): Promise<void> {
  const { n_leaves: leaves, n_nodes: nodes } = vector;
  same("n_nodes", nodeWidth(leaves), nodes);
  same("root", root(leaves), vector.root);
  const relations = {
    left,
    right,
    parent: (node: number) => parent(node, leaves),
    sibling: (node: number) => sibling(node, leaves),
  };
  for (const name of ["left", "right", "parent", "sibling"] as const) {
    same(`the length of ${name}`, vector[name].length, nodes);
    vector[name].forEach((expected, node) => {
      same(`${name}[${node}]`, relations[name](node) ?? null, expected);
    });
  }
}
