import { existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { BLOBS_PATH } from "@thicket/protocol";
import sirv from "sirv";
import type { Log } from "../log.ts";
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
 * Serves the built web app, /blobs and /healthz. What is named by its content's hash is kept for ever; all else is asked for
 * anew, so that an update is found at once. A missing build is said in the log and on the page: WEB_BUILD_MISSING.
 */
export async function createHttpHandler(options: {
  webDirectory: string;
  origins: readonly string[];
  log: Log;
  /** Answers what is under /blobs. */
  blobs: HttpHandler;
}): Promise<HttpHandler> {
  const { webDirectory, log } = options;
  const headers = Object.entries(securityHeaders(options.origins));
  const app = existsSync(join(webDirectory, "index.html")) ? await openApp(webDirectory, log) : undefined;
  if (app === undefined) log.warn("web build missing", { code: "WEB_BUILD_MISSING" });

  return (request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    if (isUnder(BLOBS_PATH, request.url)) return options.blobs(request, response);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return end(response, 405, "text/plain", "Only GET and HEAD are served here.\n");
    }
    if (request.url === "/healthz") return end(response, 200, "application/json", '{"status":"ok"}\n');
    if (app === undefined) return end(response, 503, "text/html; charset=utf-8", NOT_BUILT);
    return app(request, response, () => end(response, 404, "text/plain", "There is no such file.\n"));
  };
}

async function openApp(directory: string, log: Log) {
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
