import { existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { BLOBS_PATH } from "@thicket/protocol";
import sirv from "sirv";
import type { Health } from "../health.ts";
import type { Log } from "../log.ts";
import { addressOf } from "./address.ts";
import type { Limits } from "./limits.ts";
import { precompress } from "./precompress.ts";
import { readScriptHashes } from "./script-hashes.ts";
import { appHeaders, bareHeaders, type Headers } from "./security-headers.ts";

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Why there is no app to serve. The relay runs all the same: those who have the app already don't need it from here. */
type WebBuildFault = "WEB_BUILD_MISSING" | "WEB_BUILD_UNHASHED";

const FAULTS: Record<WebBuildFault, { title: string; sentence: string }> = {
  WEB_BUILD_MISSING: {
    title: "The web app isn't built yet",
    sentence: "The relay is running, but there is no web build to serve",
  },
  WEB_BUILD_UNHASHED: {
    title: "The web app has to be built anew",
    sentence: "The relay is running, but the web build doesn't say which scripts are its own",
  },
};

/**
 * Serves the built web app, /blobs, /healthz (the process lives) and /readyz (traffic may come). What is named by its
 * content's hash is kept for ever; all else is asked for anew, so that an update is found at once. Where there is no
 * build (WEB_BUILD_MISSING), or one without the hashes of
 * its scripts, for which no policy can be written (WEB_BUILD_UNHASHED), the log and the page say so.
 */
export async function createHttpHandler(options: {
  /** Undefined where another process serves the app. */
  webDirectory: string | undefined;
  origins: readonly string[];
  log: Log;
  health: Health;
  limits: Limits;
  trustedProxies: number;
  /** Answers what is under /blobs. */
  blobs: HttpHandler;
}): Promise<HttpHandler> {
  const { webDirectory, origins, log, health, limits, trustedProxies } = options;
  const bare = bareHeaders(origins);
  const app = webDirectory === undefined ? undefined : await openApp(webDirectory, origins, log);
  if (typeof app === "string") log.warn("no web build", { code: app });

  function serveApp(request: IncomingMessage, response: ServerResponse): void {
    if (app === undefined) return end(response, 404, "text/plain", "This process serves no app.\n");
    if (typeof app === "string") return end(response, 503, "text/html; charset=utf-8", faultPage(app));
    // Before the file server answers: a 304 renews the headers of what the browser has kept.
    setHeaders(response, app.headers);
    // The files are small and whole; sirv throws at a range that ends before it begins (RFC 9110 §14.2 lets one ignore it).
    delete request.headers.range;
    return app.serve(request, response, () => {
      setHeaders(response, bare);
      end(response, 404, "text/plain", "There is no such file.\n");
    });
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Asked often, by who watches over the process: not limited.
    if (request.method === "GET" && request.url === "/healthz") {
      return end(response, 200, "application/json", '{"status":"ok"}\n');
    }
    const limited = await limits.http(addressOf(request, trustedProxies));
    if (limited !== undefined) {
      response.setHeader("Retry-After", String(Math.ceil((limited.retryAfter ?? 1000) / 1000)));
      return end(response, 429, "text/plain", "That was too often. Try again in a moment.\n");
    }
    if (isUnder(BLOBS_PATH, request.url)) return options.blobs(request, response);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return end(response, 405, "text/plain", "Only GET and HEAD are served here.\n");
    }
    if (request.url === "/readyz") return answerReady(response, await health.notReady());
    return serveApp(request, response);
  }

  return (request, response) => {
    setHeaders(response, bare);
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

function setHeaders(response: ServerResponse, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

function faultPage(code: WebBuildFault): string {
  const { title, sentence } = FAULTS[code];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Thicket: no web build</title>
<h1>${title}</h1>
<p>${sentence} (${code}).</p>
<p>Run <code>pnpm build</code> in the repository and restart the relay.</p>
</html>
`;
}

async function openApp(directory: string, origins: readonly string[], log: Log) {
  if (!existsSync(join(directory, "index.html"))) return "WEB_BUILD_MISSING" satisfies WebBuildFault;
  const scripts = await readScriptHashes(directory);
  if (scripts === undefined) return "WEB_BUILD_UNHASHED" satisfies WebBuildFault;
  try {
    await precompress(directory);
  } catch (error) {
    log.warn("web build not compressed", {
      code: error instanceof Error && "code" in error ? String(error.code) : "",
    });
  }
  const serve = sirv(directory, {
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
  return { serve, headers: appHeaders({ origins, scripts }) };
}

function isUnder(path: string, url = ""): boolean {
  return url.startsWith(path) && ["", "/", "?"].includes(url.charAt(path.length));
}

/** Vite puts everything whose name carries its hash under /assets. */
function isHashed(path: string): boolean {
  return path.startsWith("/assets/");
}

function end(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" });
  response.end(body);
}
