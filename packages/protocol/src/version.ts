/**
 * The version of everything in this package. A client names it in the Socket.IO handshake
 * (`auth.wire`); a relay refuses any other with `WIRE_VERSION_UNSUPPORTED`.
 * `version.test.ts` hashes the schemas, so a change of the wire cannot pass without a change here.
 */
export const WIRE_VERSION = 2;
