import { COMPONENT_LAST_RESORT_KEY_PACKAGE, findComponent } from "./app-components.ts";
import { MlsError } from "./errors.ts";
import { EXTENSION_LAST_RESORT, type Extension, findExtension } from "./extension.ts";

/**
 * Whether a key package is one of last resort, which may be used more than once (RFC 9420 §16.8). Marked by the
 * last_resort extension, 0x000A of the registry, or by the component of later drafts (draft-ietf-mls-extensions,
 * "Last-Resort KeyPackages").
 */
export function isLastResort(keyPackage: { readonly extensions: readonly Extension[] }): boolean {
  return marks(keyPackage.extensions).length > 0;
}

/** Either mark carries no data, and the dictionary around the component is one. Throws KEY_PACKAGE_INVALID. */
export function checkLastResort(extensions: readonly Extension[]): void {
  let found: Uint8Array[];
  try {
    found = marks(extensions);
  } catch (cause) {
    throw new MlsError("KEY_PACKAGE_INVALID", "its app_data_dictionary isn't one", { cause });
  }
  if (found.some((data) => data.length > 0)) {
    throw new MlsError("KEY_PACKAGE_INVALID", "its mark of last resort carries data");
  }
}

function marks(extensions: readonly Extension[]): Uint8Array[] {
  return [
    findExtension(extensions, EXTENSION_LAST_RESORT),
    findComponent(extensions, COMPONENT_LAST_RESORT_KEY_PACKAGE),
  ].filter((data) => data !== undefined);
}
