/**
 * Builds deploy/Dockerfile and looks at what came of it: the relay in a container, on a volume that outlives it. The
 * base images are stand-ins (`stand-in-images.ts`): only Debian's mirror and npm's registry are asked.
 * Prints what was checked and ends with 0, or says what went wrong and ends with 1.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@thicket/storage/testing";
import { signUp, until } from "../apps/relay/src/testing/person.ts";
import { ensureInstalled } from "./ensure-installed.ts";
import { makeStandInImages, type Run } from "./stand-in-images.ts";

const execute = promisify(execFile);
const ROOT = join(import.meta.dirname, "..");
const PROGRAMS = ["/usr/bin/buildah", "/usr/bin/podman", "/usr/sbin/runc", "/usr/sbin/debootstrap"];
const IMAGE = "localhost/thicket";
const VOLUME = "thicket:/var/lib/thicket";
/** As whoever keeps the relay would type it after `docker exec thicket`. */
const RELAY = ["node_modules/.bin/node", "apps/relay/src/main.ts"];

function ensureEngine(): void {
  if (process.getuid?.() !== 0)
    throw new Error("ROOT_NEEDED: images are built and run by root here. Run the command as root.");
  for (const path of PROGRAMS) {
    const name = path.split("/").at(-1) ?? path;
    ensureInstalled({
      name,
      candidates: [path],
      packages: [name],
      advice:
        `CONTAINER_TOOLS_MISSING: the image is built and run with Debian's tools, and ${name} wasn't found. Install ` +
        "them (Debian and Ubuntu: sudo apt-get install buildah podman runc debootstrap), then run the command again.",
    });
  }
}

/** The tools with a store of their own: no image, container or volume of this machine is met, and none is left. */
function toolsIn(place: string): Run {
  const store = [`--root=${join(place, "store")}`, `--runroot=${join(place, "run")}`];
  const always: Record<string, string[]> = {
    buildah: store,
    // What needs no systemd.
    podman: [...store, "--runtime=/usr/sbin/runc", "--cgroup-manager=cgroupfs", "--events-backend=file"],
  };
  const options = { maxBuffer: 2 ** 28, env: { ...process.env, TMPDIR: place } };
  return async (program, ...args) => {
    const { stdout } = await execute(program, [...(always[program] ?? []), ...args], options);
    return stdout.trim();
  };
}

async function build(place: string, run: Run): Promise<void> {
  // With Docker's format, since the other has no health checks.
  const how = [
    "--format=docker",
    "--isolation=oci",
    "--runtime=/usr/sbin/runc",
    "--network=host",
    "--pull-never",
  ];
  const file = join(ROOT, "deploy/Dockerfile");
  await run("buildah", "build", ...how, ...npmSettings(place), `--file=${file}`, `--tag=${IMAGE}`, ROOT);
}

/** This machine's way to npm's registry, lent to the build: it doesn't become part of the image. */
function npmSettings(place: string): string[] {
  const read = (key: string) =>
    execFileSync("npm", ["config", "get", key], { cwd: place, encoding: "utf8" }).trim();
  const lines = ["registry", "cafile", "proxy", "https-proxy"]
    .map((key) => [key, read(key)] as const)
    .filter(([, value]) => value !== "null" && value !== "undefined");
  const settings = join(place, "npmrc");
  writeFileSync(settings, lines.map(([key, value]) => `${key}=${value}\n`).join(""));
  const authorities = lines.flatMap(([key, value]) => (key === "cafile" ? [value] : []));
  return [`${settings}:/usr/local/etc/npmrc`, ...authorities.map((path) => `${path}:${path}`)].map(
    (mount) => `--volume=${mount}:ro`,
  );
}

async function lookAt(run: Run): Promise<void> {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const inside = (...command: string[]) => run("podman", "exec", "thicket", ...command);

  async function start(): Promise<void> {
    const settings = [`--env=THICKET_PORT=${port}`, `--env=THICKET_ORIGIN=${url}`];
    // Podman's own limits are higher than a machine may allow.
    const limits = ["--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096"];
    const how = [
      "--detach",
      "--name=thicket",
      "--network=host",
      `--volume=${VOLUME}`,
      "--health-interval=disable",
    ];
    await run("podman", "run", ...how, ...limits, ...settings, IMAGE);
    await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok);
  }

  await start();
  for (const path of ["/healthz", "/readyz"]) assert.equal((await fetch(`${url}${path}`)).status, 200, path);
  const page = await fetch(url, { headers: { "Accept-Encoding": "br" } });
  assert.match(await page.text(), /<title>Thicket<\/title>/);
  assert.equal(page.headers.get("content-encoding"), "br", "the app is served compressed");
  assert.match(page.headers.get("content-security-policy") ?? "", /script-src 'sha384-/);
  say("it answers at /healthz and /readyz, and serves the app, compressed and with its policy");

  await run("podman", "healthcheck", "run", "thicket");
  say("its health check succeeds");

  const user = await inside("id", "--user", "--name");
  assert.equal(user, "thicket");
  assert.equal(await inside("stat", "--format=%U %a", "/var/lib/thicket"), "thicket 700");
  assert.equal(await inside("find", "/opt/thicket", "-writable", "-not", "-type", "l"), "");
  say("it runs as a user of its own, who alone may read the data and can't write what it runs");

  assert.equal(await inside("find", "/opt/thicket", "-name", ".git", "-o", "-path", "/opt/thicket/data"), "");
  assert.equal(await inside("find", "/opt/thicket/apps", "/opt/thicket/packages", "-name", "*.test.ts"), "");
  const packages = (await inside("ls", "node_modules/.pnpm")).split("\n");
  assert.deepEqual(
    packages.filter((name) => /^(?:vite|vitest|typescript|turbo|playwright-core)@/.test(name)),
    [],
  );
  say("neither history, data, tests nor tools of the build are in it");

  const alice = await signUp(url, "alice");
  assert.match(await inside(...RELAY, "doctor"), /Nothing is wrong/);
  assert.match(await inside(...RELAY, "invite"), /^[\w-]{20,}$/);
  await end(run);
  say("SIGTERM ends it with 0, and its log holds no warning; doctor and invite ran beside it");

  await start();
  const connection = await alice.openDelivery();
  connection.close();
  await end(run);
  say("in a new container on the same volume, who signed up before logs in");
}

/** Stops the container in order, looks at how it ended, and removes it. */
async function end(run: Run): Promise<void> {
  await run("podman", "stop", "--time=60", "thicket");
  assert.equal(await run("podman", "inspect", "--format={{.State.ExitCode}}", "thicket"), "0");
  const log = await run("podman", "logs", "thicket");
  assert.match(log, /"event":"stopped"/);
  assert.doesNotMatch(log, /"level":[4-6]0/);
  await run("podman", "rm", "thicket");
}

async function sizeOf(image: string, run: Run): Promise<number> {
  return Math.round(Number(await run("podman", "image", "inspect", "--format={{.Size}}", image)) / 1e6);
}

const started = Date.now();
function say(what: string): void {
  process.stdout.write(`${String(Math.round((Date.now() - started) / 1000)).padStart(4)} s  ${what}\n`);
}

async function main(): Promise<void> {
  ensureEngine();
  const place = mkdtempSync(join(tmpdir(), "thicket-image-"));
  const run = toolsIn(place);
  try {
    await makeStandInImages(place, run);
    say("stand-ins for the base images are made");
    await build(place, run);
    const [whole, base] = [
      await sizeOf(IMAGE, run),
      await sizeOf("docker.io/library/debian:bookworm-slim", run),
    ];
    say(`deploy/Dockerfile is built: ${whole - base} MB on a base of ${base} MB`);
    await lookAt(run);
  } finally {
    // Where something failed, what it ran on is still mounted.
    await run("podman", "rm", "--force", "--all");
    await run("buildah", "rm", "--all");
    rmSync(place, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  // What a tool said before it failed.
  if (error instanceof Error && "stdout" in error)
    process.stderr.write(`${String(error.stdout).slice(-4000)}\n`);
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
