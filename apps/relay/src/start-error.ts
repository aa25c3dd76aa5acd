/** Why the relay doesn't start. Codes are stable; the sentence is for whoever runs it. */
export type StartCode =
  | "CONFIG_INVALID"
  | "COMMAND_UNKNOWN"
  | "ARGUMENT_INVALID"
  | "PORT_TAKEN"
  | "PORT_REFUSED"
  | "DATA_DIRECTORY_UNUSABLE"
  | "DATA_DIRECTORY_LOCKED"
  | "DATABASE_UNREADABLE"
  | "DATABASE_NEWER"
  | "AS_KEY_LOST"
  | "BLOBS_UNUSABLE"
  | "BACKUP_REFUSED";

export class StartError extends Error {
  readonly code: StartCode;

  constructor(code: StartCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = "StartError";
    this.code = code;
  }
}
