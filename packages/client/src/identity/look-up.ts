import { type Handle, normaliseHandle } from "@thicket/protocol";
import type { ClientError } from "../api.ts";
import type { Runtime } from "../runtime.ts";
import type { Connection } from "../sync/connection.ts";
import type { Invitee } from "../tables.ts";
import { checkLookup } from "./check-lookup.ts";

export type Found = { ok: true; invitees: Invitee[] } | { ok: false; error: ClientError };

/** What was typed as handles, each once, in the order of typing. */
export function readHandles(
  typed: readonly string[],
  own: Handle | undefined,
): { ok: true; handles: Handle[] } | { ok: false; error: ClientError } {
  const handles = new Set<Handle>();
  for (const text of typed) {
    const handle = normaliseHandle(text);
    if (handle === undefined) return { ok: false, error: { code: "HANDLE_MALFORMED", subject: text } };
    if (handle === own) return { ok: false, error: { code: "HANDLE_OWN", subject: handle } };
    handles.add(handle);
  }
  return { ok: true, handles: [...handles] };
}

/** Asks the AS whose handles these are. Says the first that can't be added, and then nobody is. */
export async function lookUp(
  runtime: Runtime,
  connection: Connection,
  handles: readonly Handle[],
): Promise<Found> {
  const invitees: Invitee[] = [];
  for (const handle of handles) {
    if (!(await runtime.wait(connection.authenticationLogin())))
      return { ok: false, error: { code: "OFFLINE" } };
    const reply = await runtime.wait(runtime.ports.authentication.request("handle.lookup", { handle }));
    if (!reply.ok) return { ok: false, error: errorOf(reply.error.code, handle) };
    const checked = await runtime.step(async (step) => {
      const account = step.account();
      if (account === undefined) throw new TypeError("a look-up without an account");
      return checkLookup(step, account, handle, reply);
    });
    if (!checked.ok) return checked;
    if (checked.invitee.devices.length === 0) {
      return { ok: false, error: { code: "NO_KEY_PACKAGE", subject: handle } };
    }
    invitees.push(checked.invitee);
  }
  return { ok: true, invitees };
}

/** A service's refusal as a person is told it. */
export function errorOf(code: string, subject?: string): ClientError {
  const about = subject === undefined ? {} : { subject };
  switch (code) {
    case "LINK_DOWN":
    case "NOT_LOGGED_IN":
      return { code: "OFFLINE" };
    case "HANDLE_UNKNOWN":
    case "HANDLE_TAKEN":
    case "HANDLE_MALFORMED":
      return { code, ...about };
    case "RATE_LIMITED":
    case "REGISTRATION_CLOSED":
    case "INVITE_REFUSED":
      return { code };
    case "SHUTTING_DOWN":
    case "STORE_FAILED":
    case "DISK_FULL":
    case "INTERNAL":
      return { code: "SERVER_FAILED" };
    default:
      return { code: "RELAY_REFUSED", subject: code };
  }
}
