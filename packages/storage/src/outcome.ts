import type { WireError } from "@thicket/protocol";

export type Refusal = { ok: false; error: WireError };
export type Success = { ok: true };

/** What a write operation gives back: a refusal is rolled back, a success committed and its effects then told. */
export interface Outcome<S extends Success, E> {
  reply: S | Refusal;
  effects: readonly E[];
}

export function refuse(code: WireError["code"], details: Omit<WireError, "code"> = {}): Refusal {
  return { ok: false, error: { code, ...details } };
}
