import { type Codec, MlsError, decode } from "@thicket/mls/public";

/** A decoded value, or why the bytes are none. */
export type Read<T> = { ok: true; value: T } | { ok: false; reason: "MALFORMED" };

/** Decodes a structure that takes up all of `bytes`. */
export function readWhole<T>(form: Codec<T>, bytes: Uint8Array): Read<T> {
  try {
    return { ok: true, value: decode(form, bytes) };
  } catch (error) {
    if (error instanceof MlsError) return { ok: false, reason: "MALFORMED" };
    throw error;
  }
}
