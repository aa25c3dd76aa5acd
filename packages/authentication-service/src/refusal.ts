import type { WireErrorCode } from "@thicket/protocol";

export type Refusal = { ok: false; error: { code: WireErrorCode } };

export function refuse(code: WireErrorCode): Refusal {
  return { ok: false, error: { code } };
}
