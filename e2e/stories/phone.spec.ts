import { type Locator, type Page } from "@playwright/test";
import { expect, type Person, test } from "../src/stage/index.ts";

const PHONE = { viewport: { width: 390, height: 844 }, touch: true };

test("on a phone the list or the conversation is shown, Back leads to the list, and every screen fits", async ({
  person,
  people,
}) => {
  const alice = await person("alice", PHONE);
  await alice.open();
  const page = alice.page();
  // There is no form until the server has said how it lets people in.
  await page.getByRole("textbox", { name: "Handle" }).waitFor();
  await expectFits(page, "sign-up");
  await alice.signUp();
  const [bob] = await people("bob");
  const list = page.getByRole("navigation", { name: "Conversations" });
  const log = page.getByRole("log", { name: "Messages" });
  await expectFits(page, "empty list");

  await page.getByRole("button", { name: "Start a conversation" }).click();
  await page.getByRole("dialog").getByRole("textbox", { name: "Handles" }).fill("bob,");
  await expect(page.getByRole("button", { name: "Take out bob" })).toBeVisible();
  await expectFits(page, "new conversation");
  await page.goBack();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(list).toBeVisible();

  await alice.startConversation(["bob"], "Walks with a title that is far too long for any phone's screen");
  await expect(list).toBeHidden();
  await expect(log).toBeVisible();
  await tapToSend(alice, `https://example.org/${"a-long-address-without-a-space/".repeat(8)}`);
  await tapToSend(alice, "a short one");
  await bob.openConversation("Walks with a title");
  await bob.sees("a short one");
  await bob.send("an answer");
  await alice.sees("an answer");
  await expectFits(page, "conversation");

  await page.getByRole("button", { name: "Members" }).click();
  const panel = page.getByRole("complementary", { name: "Members" });
  expect(await alice.roster()).toEqual(["alice", "bob"]);
  await expectFits(page, "members");
  await page.getByRole("button", { name: "Actions for bob" }).click();
  await expect(page.getByRole("menuitem", { name: "Remove from group" })).toBeVisible();
  await expectFits(page, "a member's menu");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menuitem")).toHaveCount(0);
  await page.goBack();
  await expect(panel).toBeHidden();
  await expect(log).toBeVisible();

  await page.getByRole("button", { name: "Back" }).click();
  await expect(list).toBeVisible();
  await expect(log).toBeHidden();
  await expectFits(page, "list");
  await alice.openConversation("Walks with a title");
  await expect(list).toBeHidden();
  await page.goBack();
  await expect(list).toBeVisible();
  await expect(log).toBeHidden();

  await page.getByRole("button", { name: "Settings" }).click();
  await expect(page.getByRole("heading", { name: "Settings" })).toBeVisible();
  await expect(list).toBeHidden();
  await expectFits(page, "settings");
  await page.getByRole("button", { name: "Back" }).click();
  await expect(list).toBeVisible();
});

test("who reads at the end stays there when the screen gets another shape, and who reads further up isn't taken there", async ({
  person,
  people,
}) => {
  const alice = await person("alice", PHONE);
  await alice.open();
  await alice.signUp();
  await people("bob");
  await alice.startConversation(["bob"], "Notes");
  for (let i = 0; i < 12; i++) {
    await tapToSend(
      alice,
      `note ${i}, ${"and what else there is to say, ".repeat([0, 3, 40][i % 3] ?? 0)}end`,
    );
  }
  const page = alice.page();
  const log = page.getByRole("log", { name: "Messages" });
  const belowTheScreen = () => log.evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);
  const upright = PHONE.viewport;
  const turned = { width: upright.height, height: upright.width };
  for (const viewport of [{ width: 1280, height: 800 }, upright, turned, upright]) {
    await page.setViewportSize(viewport);
    await rowsSettle(log);
    expect(await belowTheScreen(), `${viewport.width} px wide`).toBeLessThan(2);
  }
  await expect(page.getByRole("button", { name: "Jump to newest" })).toHaveCount(0);

  const first = page.locator("[data-message-text]").filter({ hasText: "note 0," });
  await expect(async () => {
    await log.evaluate((list) => list.scrollBy(0, -600));
    await expect(first).toBeInViewport({ timeout: 200 });
  }).toPass();
  await page.setViewportSize(turned);
  await rowsSettle(log);
  expect(await belowTheScreen()).toBeGreaterThan(turned.height);
  await expect(page.getByRole("button", { name: "Jump to newest" })).toBeVisible();
});

/** Until the list has kept its place and its height for thirty frames. */
function rowsSettle(log: Locator): Promise<void> {
  return log.evaluate(async (list) => {
    let same = 0;
    for (let before = ""; same < 30;) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = `${list.scrollTop} ${list.scrollHeight}`;
      same = now === before ? same + 1 : 0;
      before = now;
    }
  });
}

async function tapToSend(person: Person, text: string): Promise<void> {
  const box = person.page().getByRole("textbox", { name: "Message" });
  await box.fill(text);
  await person.page().getByRole("button", { name: "Send" }).tap();
  await expect(box).toHaveValue("");
  await expect(person.page().locator("[data-message-text]").last()).toHaveText(text);
}

/** Nothing goes past the screen's edge or has to be scrolled sideways, and what is tapped is at least 44 px each way. */
async function expectFits(page: Page, screen: string): Promise<void> {
  // What comes in may still be moving.
  await page.evaluate(async () => {
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)));
  });
  expect(await page.evaluate(() => innerWidth)).toBe(PHONE.viewport.width);
  const wide = await page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .filter((element) => {
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
        return (
          element === document.scrollingElement || (scrolls && element.scrollWidth > element.clientWidth)
        );
      })
      .filter((element) => element.scrollWidth > innerWidth || element !== document.scrollingElement)
      .map((element) => element.outerHTML.slice(0, 200)),
  );
  expect(wide, `${screen}: scrolled sideways`).toEqual([]);
  const targets = await page
    .locator("button:visible, [role=menuitem]:visible, input:visible, textarea:visible")
    .evaluateAll((all) =>
      all.map((element) => {
        // A radio that only screen readers see is tapped by its label; a text field by its frame.
        const target = element.closest("label") ?? element;
        const { width, height, left, right } = target.getBoundingClientRect();
        const name = element.getAttribute("aria-label") ?? element.textContent ?? element.tagName;
        return { name, width, height, left, right };
      }),
    );
  expect(targets.length, `${screen}: has something to tap`).toBeGreaterThan(0);
  const small = targets.filter(({ width, height }) => width < 44 || height < 44);
  expect(small, `${screen}: too small to tap`).toEqual([]);
  const outside = targets.filter(({ left, right }) => left < 0 || right > PHONE.viewport.width);
  expect(outside, `${screen}: past the edge`).toEqual([]);
}
