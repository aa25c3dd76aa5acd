import { MlsError } from "../errors.ts";

/** What is wrong with a Welcome by RFC 9420 §12.4.3.1, or by the section that is named. */
export function invalidWelcome(
  message: string,
  { section = "§12.4.3.1", cause }: { readonly section?: string; readonly cause?: unknown } = {},
): MlsError {
  return new MlsError("WELCOME_INVALID", message, { section, cause });
}
