import { type Codec, u16 } from "./codec/codec.ts";
import { MlsError } from "./errors.ts";

/** ProtocolVersion mls10 (RFC 9420 §6). */
export const MLS10 = 1;

/** A structure behind `ProtocolVersion version = mls10`. Throws VERSION_UNSUPPORTED on any other version. */
export function behindVersion<T>(codec: Codec<T>): Codec<T> {
  return {
    write(w, value) {
      u16.write(w, MLS10);
      codec.write(w, value);
    },
    read(r) {
      const version = u16.read(r);
      if (version !== MLS10) {
        throw new MlsError("VERSION_UNSUPPORTED", `protocol version ${version}`, { section: "§6" });
      }
      return codec.read(r);
    },
  };
}
