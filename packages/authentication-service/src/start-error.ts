/** Why the service can't start. Codes are stable; the sentence is for whoever runs the server. */
export type AuthenticationStartCode =
  /** There are accounts, and not the key that attested them; or the key file can't be understood. */
  "AS_KEY_LOST";

/** Thrown at start; the files are left as they were. */
export class AuthenticationStartError extends Error {
  readonly code: AuthenticationStartCode;

  constructor(code: AuthenticationStartCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = "AuthenticationStartError";
    this.code = code;
  }
}
