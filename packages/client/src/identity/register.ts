import { type AuthenticationReply, normaliseHandle } from "@thicket/protocol";
import { refuse } from "../acts.ts";
import type { CommandOf, CommandReply } from "../api.ts";
import type { LinkDown } from "../ports.ts";
import type { Runtime } from "../runtime.ts";
import type { Connection } from "../sync/connection.ts";
import { errorOf } from "./look-up.ts";
import { prepareAccount, registrationOf, takeAttestation } from "./sign-up.ts";

/** Registrations whose answer was lost that are repeated before the person is told. */
const TRIES = 3;

/** Signs up: keys first, then the AS. Repeated after a crash it leads to the same account. */
export async function register(
  runtime: Runtime,
  connection: Connection,
  command: CommandOf<"signUp">,
): Promise<CommandReply> {
  const handle = normaliseHandle(command.handle);
  if (handle === undefined) return refuse({ code: "HANDLE_MALFORMED", subject: command.handle });
  let fresh = false;
  for (let tries = 0; tries < TRIES; tries++) {
    const greeting = await runtime.wait(connection.authenticationGreeting());
    const account = runtime.memory.account;
    if (account?.state === "signedUp") {
      return account.handle === handle ? { ok: true } : refuse({ code: "NOT_ALLOWED" });
    }
    if (greeting === undefined) return refuse({ code: "OFFLINE" });
    const { hello } = greeting;
    const request = await runtime.step(async (step) => {
      const prepared = await prepareAccount(step, handle, hello, fresh);
      return prepared && registrationOf(prepared, hello, command.invite);
    });
    // Another tab's sign-up was done meanwhile: that account is the one.
    if (request === undefined) continue;
    fresh = false;
    const reply: AuthenticationReply<"account.register"> | LinkDown = await runtime.wait(
      runtime.ports.authentication.request("account.register", request),
    );
    if (reply.ok) {
      const taken = await runtime.step(async (step) => {
        const current = step.account();
        return current !== undefined && takeAttestation(step, current, reply.attestation);
      });
      if (!taken) return refuse({ code: "SERVER_FAILED" });
      connection.signedUp();
      return { ok: true };
    }
    // An earlier attempt with these keys got through under another handle: that account is given up.
    if (reply.error.code === "ACCOUNT_TAKEN") fresh = true;
    else if (reply.error.code !== "LINK_DOWN") return refuse(errorOf(reply.error.code, handle));
  }
  return refuse({ code: "OFFLINE" });
}

/** Who may sign up: as the server says in its greeting. */
export async function checkRegistration(runtime: Runtime, connection: Connection): Promise<CommandReply> {
  const greeting = await runtime.wait(connection.authenticationGreeting());
  if (greeting === undefined) return refuse({ code: "OFFLINE" });
  return { ok: true, registration: greeting.hello.registration ?? "open" };
}

/** Whether a handle may be had: a courtesy to who types it. */
export async function checkHandle(
  runtime: Runtime,
  connection: Connection,
  command: CommandOf<"checkHandle">,
): Promise<CommandReply> {
  const handle = normaliseHandle(command.handle);
  if (handle === undefined) return refuse({ code: "HANDLE_MALFORMED", subject: command.handle });
  if ((await runtime.wait(connection.authenticationGreeting())) === undefined)
    return refuse({ code: "OFFLINE" });
  const reply = await runtime.wait(runtime.ports.authentication.request("handle.check", { handle }));
  return reply.ok ? { ok: true } : refuse(errorOf(reply.error.code, handle));
}
