import { existsSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { type BrowserContext, chromium, firefox } from "@playwright/test";

export type BrowserName = "chromium" | "firefox";

type ContextOptions = NonNullable<Parameters<typeof chromium.launchPersistentContext>[1]>;

/** Starts a real browser without a screen on a profile. The test command names where the browsers are. */
export function openBrowser(
  name: BrowserName,
  profile: string,
  options: ContextOptions,
): Promise<BrowserContext> {
  switch (name) {
    case "chromium":
      return chromium.launchPersistentContext(profile, {
        ...options,
        executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
        args: [
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
        ],
      });
    case "firefox":
      return firefox.launchPersistentContext(profile, {
        ...options,
        // A distribution's Firefox, not a build of Playwright's.
        channel: "moz-firefox",
        executablePath: process.env["FIREFOX_PATH"] ?? "/usr/bin/firefox-esr",
      });
  }
}

const MEMORY = "/dev/shm";

/** The directory of people's profiles. Firefox syncs each change to the disk, which a story needn't wait for. */
export function profilesOf(name: BrowserName): string {
  if (name !== "firefox" || !existsSync(MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize > 2 ** 30 ? MEMORY : tmpdir();
}
