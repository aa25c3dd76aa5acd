import { takeExport } from "../schedule/exporter-tree.ts";
import type { GroupState } from "./group-state.ts";

/**
 * SafeExportSecret of draft-ietf-mls-extensions ("Exported Secrets"): Nh bytes for a component of the application,
 * by its id (0 to 65535), bound to this epoch. Each component's secret can be taken once: the returned state can't
 * give it again, and is to be stored before the secret is used. Equal at all members of the epoch. Throws EXPORT_USED.
 */
export function safeExportSecret(
  state: GroupState,
  componentId: number,
): { state: GroupState; secret: Uint8Array } {
  const { tree, secret } = takeExport(state.suite, state.exporterTree, componentId);
  return { state: { ...state, exporterTree: tree }, secret };
}
