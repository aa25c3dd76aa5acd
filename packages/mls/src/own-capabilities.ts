import { MlsError } from "./errors.ts";
import { isDefaultExtension } from "./extension.ts";
import type { Capabilities } from "./leaf-node.ts";
import { isDefaultProposal } from "./proposal.ts";

/**
 * RFC 9420 §7.2: what every client supports is not listed. Asked of the leaves that this client makes; others' are
 * taken as they are, for it changes nothing. Throws LEAF_NODE_INVALID.
 */
export function checkOwnCapabilities({ extensions, proposals }: Capabilities): void {
  const listed = extensions.find(isDefaultExtension) ?? proposals.find(isDefaultProposal);
  if (listed !== undefined) {
    throw new MlsError("LEAF_NODE_INVALID", `its capabilities list type ${listed}, which every client has`, {
      section: "§7.2",
    });
  }
}
