import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LIBRARIES = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/** A wall clock of a process that can be set while it runs. */
export interface Clock {
  /** What the process needs in its environment. */
  readonly environment: Record<string, string>;
  /** Undefined where libfaketime isn't installed: then the clock never jumps. */
  readonly jump: ((secondsFromTrue: number) => void) | undefined;
}

/** Only the wall clock jumps (Node's Date); timers go by the monotonic one, as on a real machine. */
export function createClock(directory: string, name: string): Clock {
  const library = LIBRARIES.find(existsSync);
  if (library === undefined) return { environment: {}, jump: undefined };
  const file = join(directory, `clock-${name}`);
  const jump = (seconds: number): void => {
    // Renamed into place: the process must never read half of it.
    writeFileSync(`${file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    renameSync(`${file}.new`, file);
  };
  jump(0);
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DISABLE_SHM: "1",
    },
    jump,
  };
}
