import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory on a disk of its own, which can be made full. */
export interface Disk {
  readonly directory: string;
  /** Undefined where this machine doesn't let us make a disk: then nothing here ever gets full. */
  readonly fill: ((freeBytes: number) => void) | undefined;
  free(): void;
  dispose(): void;
}

const SIZE = 4 * 1024 * 1024 * 1024;

/** A file system in memory, made smaller to be full and larger again to be free; a plain directory where that is refused. */
export function createDisk(): Disk {
  const directory = mkdtempSync(join(tmpdir(), "thicket-chaos-"));
  const mounted = mount("-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", directory);
  // Also where nobody disposes of it.
  const unmount = () => {
    if (mounted) spawnSync("umount", ["--lazy", directory], { stdio: "ignore" });
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", unmount);
  const resize = (bytes: number): boolean => mount("-o", `remount,size=${bytes}`, directory);
  return {
    directory,
    fill: mounted
      ? (freeBytes) => {
          // What is written meanwhile may not fit any more: then a little more is left.
          for (let left = freeBytes; ; left += 256 * 1024) {
            const { bsize, blocks, bfree } = statfsSync(directory);
            if (resize((blocks - bfree) * bsize + left)) return;
          }
        }
      : undefined,
    free() {
      if (mounted) resize(SIZE);
    },
    dispose() {
      process.off("exit", unmount);
      unmount();
    },
  };
}

/** -> whether it could be done. */
function mount(...args: string[]): boolean {
  return spawnSync("mount", args, { stdio: "ignore" }).status === 0;
}
