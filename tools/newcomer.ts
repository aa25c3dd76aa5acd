/**
 * What the README promises a newcomer: a clone in an empty directory, an empty HOME, `npm start`, and Thicket answers.
 * Prints the address it found and ends with 0, or says what went wrong and ends with 1.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@thicket/storage/testing";

const LIMIT = 10 * 60_000;
const root = join(import.meta.dirname, "..");
const place = mkdtempSync(join(tmpdir(), "thicket-newcomer-"));
const home = join(place, "home");
const checkout = join(place, "thicket");

execFileSync("git", ["clone", "--quiet", root, checkout]);
execFileSync("mkdir", [home]);
const port = await freePort();
const started = Date.now();
const child = spawn("npm", ["start"], {
  cwd: checkout,
  // A group of its own, so that npm, pnpm and the relay end together.
  detached: true,
  stdio: ["ignore", "pipe", "pipe"],
  env: { ...newcomersEnvironment(), HOME: home, THICKET_PORT: String(port) },
});
let output = "";
for (const stream of [child.stdout, child.stderr]) {
  stream.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
}
try {
  await until(() => output.includes(`Thicket is at http://localhost:${port}`));
  const page = await fetch(`http://localhost:${port}/`);
  const html = await page.text();
  if (!page.ok || !html.includes("<title>Thicket</title>"))
    throw new Error(`the page is not the app: ${page.status}`);
  if (!page.headers.get("content-security-policy"))
    throw new Error("the page has no content security policy");
  process.stdout.write(`Thicket answered ${Math.round((Date.now() - started) / 1000)} s after npm start.\n`);
} catch (error) {
  process.stdout.write(`${output}\n${String(error)}\n`);
  process.exitCode = 1;
} finally {
  await end();
  rmSync(place, { recursive: true, force: true });
}

/** Without what this run's own package manager has set. */
function newcomersEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|pnpm_|INIT_CWD|NODE_|VITEST)/i.test(name),
  );
  const path = (process.env["PATH"] ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  return { ...Object.fromEntries(own), PATH: path.join(":") };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}`);
    if (Date.now() - started > LIMIT) throw new Error("npm start took more than ten minutes");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function end(): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const exited = once(child, "exit");
  process.kill(-child.pid, "SIGTERM");
  await exited;
}
