// @thicket/mls/public: what a server may use. No group state, no secrets.
export { type Codec, decode, encode } from "./codec/codec.ts";
export * as codec from "./codec/codec.ts";
export { MlsError, type MlsErrorCode } from "./errors.ts";
