import { expectAccessible } from "../src/stage/expect-accessible.ts";
import { expect, test } from "../src/stage/index.ts";
import { tabTo } from "../src/stage/tab-to.ts";

test("no screen breaks a rule of WCAG 2.1 AA that a machine can check, in light and in dark", async ({
  person,
  people,
}) => {
  const alice = await person("alice");
  await alice.open();
  const page = alice.page();
  await expect(page.getByRole("button", { name: "Create account" })).toBeVisible();
  await expectAccessible(page, "sign-up");
  await page.getByRole("textbox", { name: "Handle" }).fill("no spaces!");
  await expect(page.getByText(/begins and ends/)).toBeVisible();
  await expectAccessible(page, "sign-up with an error");
  await alice.signUp();
  await expect(page.getByText("No conversations yet")).toBeVisible();
  await expectAccessible(page, "empty list");

  const [bob] = await people("bob");
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("textbox", { name: "Handles" }).fill("nobody-here, bob, ");
  await page.getByRole("button", { name: "Start group" }).click();
  await expect(page.getByText("No one here is called nobody-here.")).toBeVisible();
  await expectAccessible(page, "new conversation");
  await page.keyboard.press("Escape");

  await alice.startConversation(["bob"], "Garden");
  await alice.send("hello https://example.org");
  await bob.openConversation("Garden");
  await bob.sees("hello https://example.org");
  await bob.send("an answer");
  await alice.sees("an answer");
  await expectAccessible(page, "conversation");
  await alice.roster();
  await expectAccessible(page, "members");
  await page.getByRole("button", { name: "Actions for bob" }).click();
  await expect(page.getByRole("menuitem")).toHaveCount(2);
  await expectAccessible(page, "a member's menu");
  await page.getByRole("menuitem", { name: "Remove from group" }).click();
  await expect(page.getByRole("alertdialog")).toBeVisible();
  await expectAccessible(page, "a question before removing");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeVisible();
  await expectAccessible(page, "switcher");
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Settings" }).click();
  await bob.send("nobody has read this");
  await expect(page.getByRole("navigation").getByText("nobody has read this")).toBeVisible();
  await expectAccessible(page, "settings beside a list with something unread");
  await bob.leave();
  await expect(bob.page().getByText("You left this conversation")).toBeVisible();
  await expectAccessible(bob.page(), "a conversation one has left");
});

test("the whole way by keyboard alone, and a new message is spoken", async ({ people, person }) => {
  const [bob] = await people("bob");
  const alice = await person("alice");
  await alice.open();
  const page = alice.page();
  const { keyboard } = page;

  await expect(page.getByRole("textbox", { name: "Handle" })).toBeFocused();
  await keyboard.type("alice");
  await keyboard.press("Enter");
  await expect(page.getByText("No conversations yet")).toBeVisible();

  await tabTo(page, page.getByRole("button", { name: "New conversation" }));
  await keyboard.press("Enter");
  await expect(page.getByRole("textbox", { name: "Handles" })).toBeFocused();
  await keyboard.type("bob");
  await keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Take out bob" })).toBeVisible();
  await tabTo(page, page.getByRole("textbox", { name: "Group title" }));
  await keyboard.type("Garden");
  await keyboard.press("Enter");
  await expect(page.getByRole("textbox", { name: "Message" })).toBeFocused();
  await keyboard.type("by keyboard alone");
  await keyboard.press("Enter");
  await alice.sees("by keyboard alone");

  await bob.openConversation("Garden");
  await bob.sees("by keyboard alone");
  await bob.send("spoken to alice");
  const spoken = page.locator("[aria-live=polite]").filter({ hasText: "bob: spoken to alice" });
  await expect(spoken).toHaveCount(1);
  // Only there: a log that is live as well would speak it twice.
  await expect(page.getByRole("log")).toHaveAttribute("aria-live", "off");

  const members = page.getByRole("button", { name: "Members" });
  const panel = page.getByRole("complementary", { name: "Members" });
  await tabTo(page, members);
  await keyboard.press("Enter");
  await expect(panel).toBeVisible();
  await tabTo(page, panel.getByRole("button", { name: "Actions for bob" }));
  await keyboard.press("Enter");
  await expect(page.getByRole("menuitem", { name: "Make admin" })).toBeFocused();
  await keyboard.press("Escape");
  await expect(page.getByRole("menuitem")).toHaveCount(0);
  await expect(panel.getByRole("button", { name: "Actions for bob" })).toBeFocused();
  await keyboard.press("Escape");
  await expect(panel).toBeHidden();
  await expect(members).toBeFocused();
  await keyboard.press("Enter");
  await expect(panel).toBeVisible();
  await keyboard.press("Escape");
  await expect(panel).toBeHidden();
  await expect(members).toBeFocused();

  await keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(members).toBeFocused();
});
