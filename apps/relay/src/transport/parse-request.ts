import { LIMITS, type WireError } from "@thicket/protocol";
import * as v from "valibot";

export type Parsed<T> = { ok: true; request: T } | { ok: false; error: WireError };

/** What came in, as the schema says; MALFORMED_REQUEST, or PAYLOAD_TOO_LARGE where only a message is too long. */
export function parseRequest<T extends v.GenericSchema>(schema: T, value: unknown): Parsed<v.InferOutput<T>> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return { ok: true, request: result.output };
  const [issue] = result.issues;
  const isMessage = issue.path?.at(-1)?.key === "bytes" && issue.type === "max_length";
  if (isMessage) {
    const limit = typeof issue.requirement === "number" ? issue.requirement : LIMITS.commitBundle;
    return { ok: false, error: { code: "PAYLOAD_TOO_LARGE", limit } };
  }
  return { ok: false, error: { code: "MALFORMED_REQUEST" } };
}
