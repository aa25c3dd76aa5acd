/**
 * Every browser test runs on a disk of 24 MB, so that one of them can fill it. Set before anything is stored: Chromium
 * remembers for half a minute how much room there was.
 */
import { cdp } from "vitest/browser";

await cdp().send("Storage.overrideQuotaForOrigin", { origin: location.origin, quotaSize: 24_000_000 });
