import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";

export interface Installable {
  readonly name: string;
  /** Where it may be, in the order of preference. */
  readonly candidates: readonly (string | undefined)[] | (() => readonly (string | undefined)[]);
  /** Debian's packages that bring it. */
  readonly packages: readonly string[];
  /** The error where it isn't there: what to do about it. */
  readonly advice: string;
}

/** The path of a program, installed by the system's package manager where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureInstalled({ name, candidates, packages, advice }: Installable): string {
  const present = findIn(candidates);
  if (present) return present;
  const install = installCommand();
  if (install) {
    process.stdout.write(`${name} is missing: installing it with apt-get.\n`);
    for (const args of [
      ["update", "-q"],
      ["install", "-y", "-q", "--no-install-recommends", ...packages],
    ]) {
      const [command = "apt-get", ...before] = install;
      spawnSync(command, [...before, ...args], {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    }
    const installed = findIn(candidates);
    if (installed) return installed;
  }
  throw new Error(advice);
}

function findIn(candidates: Installable["candidates"]): string | undefined {
  return (typeof candidates === "function" ? candidates() : candidates).find((path) => {
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

/** For a script of its own: prints the version and the path, or the advice and status 1. */
export function printInstalled(ensure: () => string): void {
  try {
    const path = ensure();
    const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    process.stdout.write(`${stdout.trim()} at ${path}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
