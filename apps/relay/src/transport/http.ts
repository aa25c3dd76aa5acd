import { existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import sirv from "sirv";
import type { Health } from "../health.ts";
import type { Log } from "../log.ts";
import { addressOf } from "./address.ts";
import type { Limits } from "./limits.ts";
import { precompress } from "./precompress.ts";
import { securityHeaders } from "./security-headers.ts";

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Shown in the place of the app where it isn't built. */
const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Thicket: web build missing</title>
<h1>The web app isn't built yet</h1>
<p>The relay is running, but there is no web build to serve (WEB_BUILD_MISSING).</p>
<p>Run <code>pnpm build</code> in the repository and restart the relay.</p>
</html>
`;

/**
 * Serves the built web app, /healthz (the process lives) and /readyz (traffic may come). What is named by its content's hash is kept for ever; all else is asked for
 * anew, so that an update is found at once. A missing build is said in the log and on the page: WEB_BUILD_MISSING.
 */
export async function createHttpHandler(options: {
  /** Undefined where another process serves the app. */
  webDirectory: string | undefined;
  origins: readonly string[];
  log: Log;
  health: Health;
  limits: Limits;
  trustedProxies: number;
}): Promise<HttpHandler> {
  const { webDirectory, log, health, limits, trustedProxies } = options;
  const headers = Object.entries(securityHeaders(options.origins));
  const app = webDirectory === undefined ? undefined : await openApp(webDirectory, log);

  /** What only a process that serves the app answers. */
  function serveApp(request: IncomingMessage, response: ServerResponse): void {
    if (webDirectory === undefined) return end(response, 404, "text/plain", "This process serves no app.\n");
    if (app === undefined) return end(response, 503, "text/html; charset=utf-8", NOT_BUILT);
    return app(request, response, () => end(response, 404, "text/plain", "There is no such file.\n"));
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return end(response, 405, "text/plain", "Only GET and HEAD are served here.\n");
    }
    if (request.url === "/healthz") return end(response, 200, "application/json", '{"status":"ok"}\n');
    const limited = await limits.http(addressOf(request, trustedProxies));
    if (limited !== undefined) {
      response.setHeader("Retry-After", String(Math.ceil((limited.retryAfter ?? 1000) / 1000)));
      return end(response, 429, "text/plain", "That was too often. Try again in a moment.\n");
    }
    if (request.url === "/readyz") return answerReady(response, await health.notReady());
    return serveApp(request, response);
  }

  return (request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    serve(request, response).catch((error: unknown) => {
      log.fault(error);
      if (response.headersSent) response.destroy();
      else end(response, 500, "text/plain", "Something went wrong here.\n");
    });
  };
}

function answerReady(response: ServerResponse, reasons: readonly string[]): void {
  const status = reasons.length === 0 ? { status: "ready" } : { status: "not ready", reasons };
  end(response, reasons.length === 0 ? 200 : 503, "application/json", `${JSON.stringify(status)}\n`);
}

/** -> undefined where it isn't built. */
async function openApp(directory: string, log: Log) {
  if (!existsSync(join(directory, "index.html"))) {
    log.warn("web build missing", { code: "WEB_BUILD_MISSING" });
    return undefined;
  }
  try {
    await precompress(directory);
  } catch (error) {
    log.warn("web build not compressed", {
      code: error instanceof Error && "code" in error ? String(error.code) : "",
    });
  }
  return sirv(directory, {
    single: true,
    etag: true,
    brotli: true,
    gzip: true,
    setHeaders(response, path) {
      response.setHeader(
        "Cache-Control",
        isHashed(path) ? "public, max-age=31536000, immutable" : "no-cache",
      );
    },
  });
}

/** Vite puts everything whose name carries its hash under /assets. */
function isHashed(path: string): boolean {
  return path.startsWith("/assets/");
}

function end(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" });
  response.end(body);
}
