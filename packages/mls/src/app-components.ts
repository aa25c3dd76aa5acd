import { checked, type Codec, decode, encode, opaque, struct, u16, vector } from "./codec/codec.ts";
import { MlsError } from "./errors.ts";
import { type Extension, findExtension } from "./extension.ts";

/** The app_data_dictionary extension of draft-ietf-mls-extensions: data of an application's components, by their ids. */
export const EXTENSION_APP_DATA_DICTIONARY = 0x0006;

/** Numbers of the draft's MLS Component Types registry. */
export const COMPONENT_APP_COMPONENTS = 0x0001;
export const COMPONENT_CONTENT_MEDIA_TYPES = 0x0003;
export const COMPONENT_LAST_RESORT_KEY_PACKAGE = 0x0004;

export interface ComponentData {
  readonly componentId: number;
  readonly data: Uint8Array;
}

/** AppDataDictionary: sorted by component id, and so at most one entry for each. */
export const appDataDictionaryCodec: Codec<readonly ComponentData[]> = checked(
  vector(struct<ComponentData>({ componentId: u16, data: opaque })),
  (entries) => {
    if (entries.some(({ componentId }, i) => i > 0 && componentId <= (entries[i - 1]?.componentId ?? 0))) {
      throw new MlsError("DECODE_VALUE", "components out of order or twice");
    }
  },
);

/** ComponentsList: what a leaf supports, or what a GroupContext requires. */
export const componentsListCodec: Codec<readonly number[]> = vector(u16);

/** An app_data_dictionary extension with these components, whatever their order. Throws DECODE_VALUE if one is there twice. */
export function appDataDictionary(components: readonly ComponentData[]): Extension {
  const sorted = components.toSorted((a, b) => a.componentId - b.componentId);
  const data = encode(appDataDictionaryCodec, sorted);
  decode(appDataDictionaryCodec, data);
  return { type: EXTENSION_APP_DATA_DICTIONARY, data };
}

/** The components in a list of extensions, in order; none where there is no dictionary. Throws MlsError DECODE_. */
export function componentsIn(extensions: readonly Extension[]): readonly ComponentData[] {
  const data = findExtension(extensions, EXTENSION_APP_DATA_DICTIONARY);
  return data === undefined ? [] : decode(appDataDictionaryCodec, data);
}

/** The data of the component with this id in a list of extensions. Throws MlsError DECODE_. */
export function findComponent(extensions: readonly Extension[], componentId: number): Uint8Array | undefined {
  return componentsIn(extensions).find((entry) => entry.componentId === componentId)?.data;
}

/** The ids in the app_components component: supported by a leaf, or required by a GroupContext. Throws MlsError DECODE_. */
export function appComponentsIn(extensions: readonly Extension[]): readonly number[] {
  const data = findComponent(extensions, COMPONENT_APP_COMPONENTS);
  return data === undefined ? [] : decode(componentsListCodec, data);
}
