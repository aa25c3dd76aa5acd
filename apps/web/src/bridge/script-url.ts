// oxlint-disable-next-line import/default -- it is Vite that makes this module
import engineWorker from "../worker/engine.worker.ts?worker&url";

/** The scripts that this build runs besides its page: nothing else becomes a worker. */
export const SCRIPTS = { engineWorker, serviceWorker: "/service-worker.js" } as const;

/** Trusted Types, as far as they are used here. A TrustedScriptURL goes where `lib.dom` knows strings only. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL: (url: string) => string };
}

declare const trustedTypes: TrustedTypes | undefined;

/** The relay's CSP admits one policy of this name (`apps/relay/src/transport/security-headers.ts`), and so no second one. */
const policy =
  typeof trustedTypes === "undefined"
    ? undefined
    : trustedTypes.createPolicy("thicket-scripts", {
        createScriptURL(url) {
          if (Object.values(SCRIPTS).some((own) => own === url)) return url;
          throw new TypeError("not a script of this build");
        },
      });

/** What a worker may be started from: under Trusted Types a mere string is refused. */
export function scriptUrl(script: keyof typeof SCRIPTS): string {
  const url = SCRIPTS[script];
  return policy ? policy.createScriptURL(url) : url;
}
