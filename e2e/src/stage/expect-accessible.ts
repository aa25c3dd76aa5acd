import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

/** What a machine can check of WCAG 2.1 AA, in light and in dark. */
export async function expectAccessible(page: Page, screen: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // Nothing is judged on its way from one colour to the other.
    await page.waitForFunction(async () => {
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return document.getAnimations().length === 0;
    });
    const { violations, passes } = await new AxeBuilder({ page }).setLegacyMode().withTags(RULES).analyze();
    expect(
      violations.map(({ id, nodes }) => ({
        id,
        nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })),
      })),
      `${screen}, ${colorScheme}`,
    ).toEqual([]);
    expect(
      passes.some(({ id }) => id === "color-contrast"),
      `${screen}: contrast was measured`,
    ).toBe(true);
  }
}
