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
