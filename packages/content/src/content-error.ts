/** Why bytes are no MIMI content, or a value can't be made into any. Codes are stable. */
export type ContentErrorCode =
  | "CBOR_MALFORMED" // not well-formed, of indefinite length, a number not in its shortest form, or bytes left over
  | "CBOR_NOT_DETERMINISTIC" // map keys out of order or twice, or a float that a shorter one could say
  | "CBOR_VALUE" // a map key or number that the draft's data model excludes
  | "TEXT_NOT_UTF8"
  | "STRUCTURE" // not what the draft's CDDL describes
  | "NESTED_TOO_DEEP"
  | "TOO_MANY_PARTS"
  | "TOPIC_TOO_LONG"
  | "MESSAGE_ID_UNKNOWN_HASH";

/** The only error that decoding and encoding throw. Its message names the place and never repeats content. */
export class ContentError extends Error {
  readonly code: ContentErrorCode;

  constructor(code: ContentErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = "ContentError";
    this.code = code;
  }
}
