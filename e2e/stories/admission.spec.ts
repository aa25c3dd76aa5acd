import { expectAccessible } from "../src/stage/expect-accessible.ts";
import { expect, type Person, test } from "../src/stage/index.ts";
import { tabTo } from "../src/stage/tab-to.ts";

const REFUSED = "This invite code isn't valid, or was used up. Check it, or ask for another one.";

test.describe("at a server that is by invitation", () => {
  test.use({ relaySettings: { THICKET_REGISTRATION: "invite" } });

  test("who has no code is told so, and a wrong one is refused without a word lost", async ({ person }) => {
    const alice = await person("alice");
    await alice.open();
    const page = alice.page();
    const { handle, code, create } = form(alice);
    await expect(code).toHaveValue("");
    await expect(code).toHaveAccessibleDescription(/need one to join/);
    await expectAccessible(page, "sign-up by invitation");

    await handle.fill("alice");
    await create.click();
    await expect(code).toHaveAccessibleDescription(/code is needed/);
    await expect(code).toBeFocused();
    await code.fill("made-up-code");
    await expect(code).toHaveAccessibleDescription(/need one to join/);
    await create.click();
    await expect(code).toHaveAccessibleDescription(REFUSED);
    await expect(code).toHaveAttribute("aria-invalid", "true");
    await expect(code).toBeFocused();
    // Spoken as well where the focus was there before.
    await expect(page.locator("[aria-live=polite]").filter({ hasText: REFUSED })).toHaveCount(1);
    await expect(handle).toHaveValue("alice");
    await expect(code).toHaveValue("made-up-code");
    await expectAccessible(page, "sign-up with a refused code");
  });

  test("a link fills the code in, the keyboard alone is enough, and the code leaves the address", async ({
    person,
    origin,
    relay,
  }) => {
    const alice = await person("alice");
    await alice.open();
    const page = alice.page();
    const { handle, code, create } = form(alice);
    await expect(handle).toBeFocused();
    await page.keyboard.type("alice");
    // A link that is followed where the page is open already doesn't load it anew.
    await page.goto(`${origin}/#invite=made-up-code`);
    await expect(code).toHaveValue("made-up-code");
    await expect(handle).toHaveValue("alice");
    await tabTo(page, create);
    await page.keyboard.press("Enter");
    await expect(code).toHaveAccessibleDescription(REFUSED);

    const invite = await relay.invite();
    await page.goto(`${origin}/#invite=${invite}`);
    await expect(code).toHaveValue(invite);
    await page.reload();
    await expect(code).toHaveValue(invite);
    await expect(handle).toBeFocused();
    await page.keyboard.type("alice");
    await page.keyboard.press("Enter");
    await expect(page.getByText("No conversations yet")).toBeVisible();
    await expect(page).toHaveURL(`${origin}/`);

    // The link again, by who has an account: nothing is asked, and it doesn't stay to be passed on by mistake.
    await page.goto("about:blank");
    await page.goto(`${origin}/#invite=${invite}`);
    await expect(page.getByText("No conversations yet")).toBeVisible();
    await expect(page).toHaveURL(`${origin}/`);
  });

  test("a code that was used up is refused to the next person, who gets in with another", async ({
    person,
    origin,
    relay,
  }) => {
    const invite = await relay.invite();
    const [alice, bob] = [await person("alice"), await person("bob")];
    for (const somebody of [alice, bob]) {
      await somebody.open();
      await somebody.page().goto(`${origin}/#invite=${invite}`);
      await expect(form(somebody).code).toHaveValue(invite);
    }
    await alice.signUp();

    const { handle, code, create } = form(bob);
    await handle.fill("bob");
    await create.click();
    await expect(code).toHaveAccessibleDescription(REFUSED);
    await expect(handle).toHaveValue("bob");
    await code.fill(` ${await relay.invite()} `);
    await create.click();
    await expect(bob.page().getByText("No conversations yet")).toBeVisible();
    await expect(bob.page()).toHaveURL(`${origin}/`);
  });
});

test.describe("at a server that takes nobody", () => {
  test.use({ relaySettings: { THICKET_REGISTRATION: "closed" } });

  test("that is said at once, and there was never a form", async ({ person, origin }) => {
    const alice = await person("alice");
    await alice.open();
    const page = alice.page();
    await page.addInitScript(() => {
      const holder: typeof globalThis & { fields?: number } = globalThis;
      holder.fields = 0;
      new MutationObserver(() => {
        holder.fields = Math.max(holder.fields ?? 0, document.querySelectorAll("input, form").length);
      }).observe(document, { childList: true, subtree: true });
    });
    // A code is no way in either.
    await page.goto(`${origin}/?again#invite=made-up-code`);
    await expect(page.getByRole("heading", { name: "Sign-up is closed" })).toBeVisible();
    await expect(
      page.locator("[aria-live=polite]").filter({ hasText: "takes no new accounts" }),
    ).toBeVisible();
    const fields = await page.evaluate(() => {
      const holder: typeof globalThis & { fields?: number } = globalThis;
      return holder.fields;
    });
    expect(fields).toBe(0);
    await expect(page.getByRole("button")).toHaveCount(0);
    await expectAccessible(page, "closed sign-up");
  });
});

test.describe("at a server that counts sign-ups", () => {
  test.use({ relaySettings: { THICKET_LIMIT_REGISTRATIONS: "1" } });

  test("one too many is told when to come back, and what was typed stays", async ({
    person,
    people,
    wiretap,
  }) => {
    wiretap.forwardFrom("203.0.113.7");
    await people("alice");
    const bob = await person("bob");
    await bob.open();
    const { handle, create } = form(bob);
    await handle.fill("bob");
    await expect(handle).toHaveAccessibleDescription("This handle is free.");
    await create.click();
    const alert = bob.page().getByRole("alert").filter({ hasText: "Try again in an hour" });
    await expect(alert).toBeVisible();
    await expectAccessible(bob.page(), "sign-up refused for its rate");
    // The handle is not what is wrong, and asking about it again takes nothing back.
    await handle.fill("bobby");
    await expect(handle).toHaveAccessibleDescription("This handle is free.");
    await expect(alert).toBeVisible();
  });
});

test("a server that stops while somebody signs up costs them nothing they typed, and they get in once it is back", async ({
  person,
  relay,
}) => {
  const alice = await person("alice");
  await alice.open();
  const page = alice.page();
  const { handle, create } = form(alice);
  await handle.fill("alice");
  expect(await relay.stop()).toBe(0);
  const banner = page.getByRole("status").filter({ hasText: "The server can’t be reached" });
  await expect(banner).toBeVisible();
  await expectAccessible(page, "sign-up without a server");
  await expect(handle).toHaveValue("alice");
  await create.click();
  const alert = page.getByRole("alert").filter({ hasText: "There is no connection to the server." });
  await expect(alert).toBeVisible();
  await expect(handle).toHaveValue("alice");

  await relay.start();
  await create.click();
  await expect(page.getByText("No conversations yet")).toBeVisible();
  await expect(banner).toHaveCount(0);
});

function form(person: Person) {
  const page = person.page();
  return {
    handle: page.getByRole("textbox", { name: "Handle" }),
    code: page.getByRole("textbox", { name: "Invite code" }),
    create: page.getByRole("button", { name: "Create account" }),
  };
}
