import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../config.ts";
import { createHealth } from "../health.ts";
import { createLog } from "../log.ts";
import { NO_METRICS } from "../metrics.ts";
import { createHttpHandler } from "./http.ts";
import { createLimits } from "./limits.ts";

const SCRIPT = `console.log("thicket");\n`.repeat(200);
let directory: string;
let close: () => void;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "thicket-web-"));
});
afterEach(() => {
  close();
  rmSync(directory, { recursive: true });
});

async function serve() {
  const handle = await createHttpHandler({
    webDirectory: directory,
    origins: ["https://chat.example"],
    log: createLog("silent"),
    health: createHealth(NO_METRICS),
    limits: createLimits(readConfig({}, "/"), undefined),
    trustedProxies: 1,
  });
  const server = createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  // Not fetch: it would undo the encoding and tidy the path.
  return (path: string, headers: IncomingHttpHeaders = {}, method = "GET") =>
    new Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: Buffer }>(
      (resolve, reject) => {
        request({ port, host: "127.0.0.1", path, headers, method }, (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () =>
            resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
          );
        })
          .on("error", reject)
          .end();
      },
    );
}

function build() {
  mkdirSync(join(directory, "assets"));
  writeFileSync(join(directory, "index.html"), "<!doctype html><title>Thicket</title>");
  writeFileSync(join(directory, "service-worker.js"), "self.x = 1;");
  writeFileSync(join(directory, "manifest.webmanifest"), "{}");
  writeFileSync(join(directory, "assets", "main-B2c3.js"), SCRIPT);
}

describe("the web app", () => {
  it("[WEB-HEADERS-1] every answer carries the security headers", async () => {
    build();
    const get = await serve();
    for (const path of ["/", "/assets/main-B2c3.js", "/nothing.js", "/healthz"]) {
      const { headers } = await get(path);
      const policy = String(headers["content-security-policy"]);
      expect(policy, path).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).toContain("connect-src 'self' wss://chat.example");
      expect(policy).not.toMatch(/unsafe|\*/);
      expect(headers).toMatchObject({
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=63072000; includeSubDomains",
      });
    }
  });

  it("keeps hashed files for ever and asks anew for all others", async () => {
    build();
    const get = await serve();
    const immutable = "public, max-age=31536000, immutable";
    expect((await get("/assets/main-B2c3.js")).headers["cache-control"]).toBe(immutable);
    for (const path of ["/", "/service-worker.js", "/manifest.webmanifest", "/group/12"]) {
      expect((await get(path)).headers["cache-control"], path).toBe("no-cache");
    }
    const etag = (await get("/")).headers.etag;
    expect((await get("/", { "if-none-match": etag })).status).toBe(304);
  });

  it("sends what the browser can unpack", async () => {
    build();
    const get = await serve();
    const path = "/assets/main-B2c3.js";
    const brotli = await get(path, { "accept-encoding": "gzip, br" });
    expect(brotli.headers).toMatchObject({ "content-encoding": "br", "content-type": "text/javascript" });
    expect(brotliDecompressSync(brotli.body).toString()).toBe(SCRIPT);
    const gzip = await get(path, { "accept-encoding": "gzip" });
    expect(gunzipSync(gzip.body).toString()).toBe(SCRIPT);
    expect((await get(path)).body.toString()).toBe(SCRIPT);
  });

  it("gives the app for its own addresses, 404 for missing files, nothing outside the build", async () => {
    build();
    writeFileSync(join(directory, "../outside.txt"), "secret");
    const get = await serve();
    expect((await get("/group/12")).body.toString()).toContain("<title>Thicket</title>");
    expect((await get("/assets/missing.js")).status).toBe(404);
    for (const path of [
      "/../outside.txt",
      "/%2e%2e/outside.txt",
      "/..%2foutside.txt",
      "/assets/../../outside.txt",
    ]) {
      expect((await get(path)).body.toString(), path).not.toContain("secret");
    }
    expect((await get("/", {}, "POST")).status).toBe(405);
    rmSync(join(directory, "../outside.txt"));
  });

  it("says WEB_BUILD_MISSING where there is no build, and is healthy", async () => {
    const get = await serve();
    const page = await get("/");
    expect(page.status).toBe(503);
    expect(page.body.toString()).toContain("WEB_BUILD_MISSING");
    expect((await get("/healthz")).status).toBe(200);
  });
});
