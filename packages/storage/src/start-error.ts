/** Why a database can't be opened. Codes are stable; the sentence is for whoever runs the relay, and holds no password. */
export type DatabaseStartCode =
  | "DATABASE_UNREADABLE" // corrupt, cut off, somebody else's, locked, not permitted, or out of reach
  | "DATABASE_NEWER"; // written by a later version

export class DatabaseStartError extends Error {
  readonly code: DatabaseStartCode;

  constructor(code: DatabaseStartCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = "DatabaseStartError";
    this.code = code;
  }
}
