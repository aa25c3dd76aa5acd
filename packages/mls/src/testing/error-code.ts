import { MlsError, type MlsErrorCode } from "../errors.ts";

/** The code of the MlsError that the action ends with; undefined if it succeeds. Other errors pass through. */
export async function errorCode(action: () => unknown): Promise<MlsErrorCode | undefined> {
  try {
    await action();
  } catch (error) {
    if (error instanceof MlsError) return error.code;
    throw error;
  }
  return undefined;
}

/** Code and section of the MlsError that the action ends with, as in "SENDER_INVALID §6.3.2"; undefined if it succeeds. */
export async function refusal(action: () => unknown): Promise<string | undefined> {
  try {
    await action();
  } catch (error) {
    if (error instanceof MlsError) return [error.code, ...(error.section ? [error.section] : [])].join(" ");
    throw error;
  }
  return undefined;
}
