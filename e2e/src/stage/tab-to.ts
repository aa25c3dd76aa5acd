import { expect, type Locator, type Page } from "@playwright/test";

/** Presses Tab until this has the focus, as long as a whole round could take. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let press = 0; press < 60; press++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab doesn't reach ${target.toString()}`);
}
