import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";

const CANDIDATES = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The path of a Chromium, installed by the system's package manager where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureChromium(): string {
  const present = findChromium();
  if (present) return present;
  const install = installCommand();
  if (install) {
    process.stdout.write("Chromium is missing: installing it with apt-get.\n");
    for (const args of [
      ["update", "-q"],
      ["install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-noto-color-emoji"],
    ]) {
      const [command = "apt-get", ...before] = install;
      spawnSync(command, [...before, ...args], {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    }
    const installed = findChromium();
    if (installed) return installed;
  }
  throw new Error(
    "CHROMIUM_MISSING: the tests drive a real Chromium and none was found. Install it " +
      "(Debian and Ubuntu: sudo apt-get install chromium; macOS: brew install --cask chromium) " +
      "or name it in CHROMIUM_PATH, then run the command again.",
  );
}

function findChromium(): string | undefined {
  return CANDIDATES.find((path) => {
    if (!path) return false;
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** `apt-get` as root, or through sudo where that asks for no password. */
function installCommand(): string[] | undefined {
  const runs = (command: string, args: string[]) =>
    spawnSync(command, args, { stdio: "ignore" }).status === 0;
  if (!runs("apt-get", ["--version"])) return undefined;
  if (process.getuid?.() === 0) return ["apt-get"];
  return runs("sudo", ["-n", "true"]) ? ["sudo", "-n", "apt-get"] : undefined;
}

if (import.meta.main) {
  try {
    const path = ensureChromium();
    process.stdout.write(`${execFileSync(path, ["--version"], { encoding: "utf8" }).trim()} at ${path}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
