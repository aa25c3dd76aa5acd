import { Login } from "@thicket/protocol";
import { parseRequest } from "./parse-request.ts";
import { type Answer, type Handler, refusal } from "./serve-requests.ts";

/**
 * The login of one connection. Its nonce serves one login: after a refusal the way is a new connection. The very same
 * login again, whose answer was late or lost, gets that answer.
 */
export function logInOnce(check: (login: Login) => Promise<boolean>): Handler {
  let first: { login: Login; answer: Promise<Answer> } | undefined;
  const judge = async (login: Login): Promise<Answer> =>
    (await check(login)) ? { ok: true } : refusal({ code: "LOGIN_REFUSED" });
  return async (value) => {
    const parsed = parseRequest(Login.request, value);
    if (!parsed.ok) return parsed;
    first ??= { login: parsed.request, answer: judge(parsed.request) };
    return isSame(first.login, parsed.request) ? first.answer : refusal({ code: "LOGIN_REFUSED" });
  };
}

function isSame(a: Login, b: Login): boolean {
  return (["signature", "attestation", "deviceCertificate"] as const).every(
    (field) => Buffer.compare(a[field], b[field]) === 0,
  );
}
