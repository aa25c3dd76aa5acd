import { appComponentsIn } from "../app-components.ts";
import { mediaTypeKey, mediaTypesIn } from "../content-advertisement.ts";
import { MlsError } from "../errors.ts";
import type { Extension } from "../extension.ts";
import { lookupIn } from "../lookup.ts";
import type { TreeSummary } from "../tree/tree-summary.ts";

/**
 * What the GroupContext's app_data_dictionary requires of all members (draft-ietf-mls-extensions): its app_components
 * and its content_media_types. Judged like required capabilities (RFC 9420 §11.1): by the sender of a commit, its
 * receivers and joiners alike, from what the leaves say. Throws CAPABILITY_MISSING.
 */
export function checkComponentSupport(
  supported: TreeSummary["supported"],
  contextExtensions: readonly Extension[],
): void {
  const isSupported = lookupIn(supported.components);
  const component = appComponentsIn(contextExtensions).find((id) => !isSupported(id));
  if (component !== undefined) throw missing(`component ${component}`);
  const isAccepted = lookupIn(supported.mediaTypes);
  const mediaType = mediaTypesIn(contextExtensions).find((type) => !isAccepted(mediaTypeKey(type)));
  if (mediaType !== undefined) throw missing(`media type ${mediaType.type}`);
}

function missing(what: string): MlsError {
  return new MlsError("CAPABILITY_MISSING", `a member doesn't support ${what}, which the group requires`);
}
