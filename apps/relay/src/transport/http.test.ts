import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { CspEvaluator, STRICTCSP_CHECKS } from "csp_evaluator/dist/evaluator.js";
import {
  checkStrictDynamic,
  checkRequiresTrustedTypesForScripts,
} from "csp_evaluator/dist/checks/strictcsp_checks.js";
import { Version } from "csp_evaluator/dist/csp.js";
import { CspParser } from "csp_evaluator/dist/parser.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../config.ts";
import { createHealth } from "../health.ts";
import { createLog } from "../log.ts";
import { NO_METRICS } from "../metrics.ts";
import { createHttpHandler } from "./http.ts";
import { createLimits } from "./limits.ts";

const HASH = `sha384-${createHash("sha384").update("the entry").digest("base64")}`;
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

async function serve(origins: readonly string[] = ["https://chat.example"]) {
  const handle = await createHttpHandler({
    webDirectory: directory,
    origins,
    log: createLog("silent"),
    health: createHealth(NO_METRICS),
    limits: createLimits(readConfig({}, "/"), undefined),
    trustedProxies: 1,
    blobs: (_, response) => response.writeHead(418).end(),
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
  writeFileSync(
    join(directory, "index.html"),
    `<!doctype html><title>Thicket</title><script integrity="${HASH}" src="/assets/main-B2c3.js"></script>`,
  );
  writeFileSync(join(directory, "script-hashes.json"), JSON.stringify({ scripts: [HASH] }));
  writeFileSync(join(directory, "service-worker.js"), "self.x = 1;");
  writeFileSync(join(directory, "manifest.webmanifest"), "{}");
  writeFileSync(join(directory, "assets", "main-B2c3.js"), SCRIPT);
}

describe("the web app", () => {
  it("[WEB-HEADERS-1] every answer carries the security headers, and only the app's files may do anything", async () => {
    build();
    const get = await serve();
    const etag = (await get("/")).headers.etag;
    const app = [
      await get("/"),
      await get("/", { "if-none-match": etag }),
      await get("/assets/main-B2c3.js"),
    ];
    const bare = [await get("/nothing.js"), await get("/healthz"), await get("/", {}, "POST")];
    expect([...app, ...bare].map(({ status }) => status)).toEqual([200, 304, 200, 404, 200, 405]);
    for (const { headers } of [...app, ...bare]) {
      expect(headers).toMatchObject({
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "origin-agent-cluster": "?1",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=63072000; includeSubDomains",
      });
      const features = String(headers["permissions-policy"]).split(", ");
      expect(features).toContain("camera=()");
      expect(features.filter((feature) => !feature.endsWith("=()"))).toEqual([]);
      expect(policyOf(headers)).toMatchObject({
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "upgrade-insecure-requests": [],
      });
      expect(headers["content-security-policy"]).not.toMatch(/unsafe|\*|https?:/);
    }
    for (const { headers } of app) {
      expect(policyOf(headers)).toMatchObject({
        "script-src": [`'${HASH}'`, "'strict-dynamic'"],
        "connect-src": ["'self'", "wss://chat.example"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["thicket-scripts"],
      });
      expect(policyOf(headers)).not.toHaveProperty("sandbox");
    }
    for (const { headers } of bare) {
      expect(policyOf(headers)).toMatchObject({ sandbox: [] });
      expect(policyOf(headers)).not.toHaveProperty("script-src");
    }
  });

  it("files of the app are served whole, whatever range is asked for", async () => {
    build();
    const ask = await serve();
    for (const range of ["bytes=9-3", "bytes=0-0", "bytes=-1", "bytes=999999999-", "lines=1"]) {
      const { status, body } = await ask("/", { range });
      expect([range, status, body.length > 0]).toEqual([range, 200, true]);
    }
  });

  it("[WEB-HEADERS-2] csp_evaluator finds nothing in a policy that is sent, for browsers of any age", async () => {
    build();
    const get = await serve();
    for (const path of ["/", "/assets/main-B2c3.js", "/nothing.js", "/healthz"]) {
      const policy = String((await get(path)).headers["content-security-policy"]);
      expect(findings(policy), path).toEqual([]);
      // Of the checks for strict policies those that a policy with scripts must pass. The other two ask for
      // 'unsafe-inline' and https: beside the hashes, for browsers that know no hashes: they can't run the app.
      if (path !== "/" && !path.startsWith("/assets")) continue;
      const strict = [checkStrictDynamic, checkRequiresTrustedTypesForScripts];
      expect(STRICTCSP_CHECKS).toEqual(expect.arrayContaining(strict));
      expect(new CspEvaluator(new CspParser(policy).csp).evaluate(strict), path).toEqual([]);
    }
    // It does find what there is to find.
    expect(findings("default-src 'none'; script-src 'self'; base-uri 'none'")).toHaveLength(3);
  });

  it("asks for no TLS where an origin has none, and names no socket that a policy can't spell", async () => {
    build();
    const get = await serve(["http://localhost:8080", "https://chat.example", "http://[::1]:8080"]);
    const { headers } = await get("/");
    expect(headers).not.toHaveProperty("strict-transport-security");
    expect(policyOf(headers)).not.toHaveProperty("upgrade-insecure-requests");
    expect(policyOf(headers)["connect-src"]).toEqual(["'self'", "ws://localhost:8080", "wss://chat.example"]);
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

  it("leaves /blobs and what is below to those who answer for it", async () => {
    build();
    const get = await serve();
    for (const path of ["/blobs", "/blobs/", "/blobs?x", "/blobs/00/../../index.html"]) {
      expect((await get(path, {}, "PATCH")).status, path).toBe(418);
    }
    for (const path of ["/blobsters", "/x/blobs"]) expect((await get(path)).status, path).toBe(200);
  });

  it("[WEB-HEADERS-6] a build that doesn't say which scripts are its own isn't served: WEB_BUILD_UNHASHED", async () => {
    const lists = [
      undefined,
      "",
      "{",
      "[]",
      `{"scripts":[]}`,
      `{"scripts":["sha384-short"]}`,
      JSON.stringify({ scripts: [`${HASH}' 'unsafe-inline`] }),
      JSON.stringify({ scripts: [HASH, "https://elsewhere.example"] }),
      JSON.stringify({ scripts: HASH }),
      JSON.stringify({ scripts: [HASH, HASH.replace(/.{4}$/, "AAAA")] }),
    ];
    for (const list of lists) {
      build();
      if (list === undefined) rmSync(join(directory, "script-hashes.json"));
      else writeFileSync(join(directory, "script-hashes.json"), list);
      const get = await serve();
      for (const path of ["/", "/assets/main-B2c3.js"]) {
        const page = await get(path);
        expect(page.status, list).toBe(503);
        expect(page.body.toString()).toContain("WEB_BUILD_UNHASHED");
        expect(policyOf(page.headers)).toMatchObject({ "default-src": ["'none'"], sandbox: [] });
      }
      expect((await get("/healthz")).status).toBe(200);
      close();
      rmSync(join(directory, "assets"), { recursive: true });
    }
  });

  it("says WEB_BUILD_MISSING where there is no build, and is healthy", async () => {
    const get = await serve();
    const page = await get("/");
    expect(page.status).toBe(503);
    expect(page.body.toString()).toContain("WEB_BUILD_MISSING");
    expect((await get("/healthz")).status).toBe(200);
  });
});

type Policy = Record<string, string[]>;

function policyOf(headers: IncomingHttpHeaders): Policy {
  const policy: Policy = {};
  for (const directive of String(headers["content-security-policy"]).split("; ")) {
    const [name = "", ...values] = directive.split(" ");
    expect(policy).not.toHaveProperty(name);
    policy[name] = values;
  }
  return policy;
}

/** Of any severity, as browsers of CSP 1, 2 and 3 read the policy. */
function findings(policy: string): string[] {
  return [Version.CSP1, Version.CSP2, Version.CSP3].flatMap((version) =>
    new CspEvaluator(new CspParser(policy).csp, version)
      .evaluate()
      .map(({ directive, description }) => `${directive}: ${description}`),
  );
}
