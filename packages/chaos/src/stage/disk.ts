import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory on a disk of its own, which can be made full. */
export interface Disk {
  readonly directory: string;
  /** Undefined where this machine doesn't let us make a disk: then nothing here ever gets full. */
  readonly fill: ((freeBytes: number) => void) | undefined;
  free(): void;
  isFull(): boolean;
  dispose(): void;
}

const SIZE = 4 * 1024 * 1024 * 1024;

/** A file system in memory, made smaller to be full and larger again to be free; a plain directory where that is refused. */
export function createDisk(): Disk {
  const directory = mkdtempSync(join(tmpdir(), "thicket-chaos-"));
  const mounted = tryMount(directory);
  let full = false;
  const resize = (bytes: number) =>
    void execFileSync("mount", ["-o", `remount,size=${bytes}`, directory], { stdio: "ignore" });
  return {
    directory,
    fill: mounted
      ? (freeBytes) => {
          full = true;
          const { bsize, blocks, bfree } = statfsSync(directory);
          resize((blocks - bfree) * bsize + freeBytes);
        }
      : undefined,
    free() {
      if (mounted) resize(SIZE);
      full = false;
    },
    isFull: () => full,
    dispose() {
      if (mounted) execFileSync("umount", ["--lazy", directory], { stdio: "ignore" });
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function tryMount(directory: string): boolean {
  try {
    const options = ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", directory];
    execFileSync("mount", options, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
