/** Why the database can't be opened. Codes are stable; the sentence is for whoever runs the relay. */
export type DatabaseStartCode = "DATABASE_UNREADABLE" | "DATABASE_NEWER";

export class DatabaseStartError extends Error {
  readonly code: DatabaseStartCode;

  constructor(code: DatabaseStartCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = "DatabaseStartError";
    this.code = code;
  }
}
