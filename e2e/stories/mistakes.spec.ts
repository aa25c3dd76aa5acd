import { expect, test } from "../src/stage/index.ts";

test("a handle that is taken, malformed or unknown is said so, and nothing changes", async ({
  people,
  person,
}) => {
  const [alice] = await people("alice");
  const other = await person("other");
  await other.open();
  const handle = other.page().getByRole("textbox", { name: "Handle" });
  await handle.fill("alice");
  await other.page().getByRole("button", { name: "Create account" }).click();
  await expect(other.page().getByText(/taken/i)).toBeVisible();
  await handle.fill("no spaces!");
  await expect(
    other
      .page()
      .getByText(/letters/i)
      .first(),
  ).toBeVisible();
  await other.signUp();

  await alice.page().getByRole("button", { name: "New conversation" }).first().click();
  const dialog = alice.page().getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Handles" }).fill("nobody-here");
  await alice.page().keyboard.press("Enter");
  await dialog.getByRole("button", { name: /^Start/ }).click();
  await expect(
    dialog.getByText(/nobody-here/).filter({ hasText: /no one|nobody|not found|unknown/i }),
  ).toBeVisible();
  await alice.page().keyboard.press("Escape");
  await expect(alice.page().getByRole("list", { name: "Conversations" }).getByRole("link")).toHaveCount(0);
});

test("a message that is too long stays in the composer with the limit named", async ({ people }) => {
  const [alice] = await people("alice", "bob");
  await alice.startConversation(["bob"]);
  const box = alice.page().getByRole("textbox", { name: "Message" });
  await box.fill("x".repeat(70_000));
  await box.press("Enter");
  await expect(
    alice
      .page()
      .getByText(/too long/i)
      .first(),
  ).toBeVisible();
  await expect(box).toHaveValue("x".repeat(70_000));
  expect(await alice.messages()).toEqual([]);
});

test.describe("a browser that refuses storage", () => {
  test.use({
    workerPrelude: `indexedDB.open = () => { throw new DOMException("refused", "SecurityError"); };`,
  });

  test("the app says so and makes no account", async ({ person }) => {
    const alice = await person("alice");
    await alice.open();
    await expect(
      alice
        .page()
        .getByText(/storage/i)
        .first(),
    ).toBeVisible();
    await expect(alice.page().getByRole("button", { name: "Create account" })).toHaveCount(0);
  });
});

test.describe("a browser whose quota is used up", () => {
  // The quota is a switch in the worker: a message on a channel turns it.
  test.use({
    workerPrelude: `{
      let full = false;
      new BroadcastChannel("quota").onmessage = ({ data }) => { full = data; };
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (...args) {
        if (full) throw new DOMException("no room", "QuotaExceededError");
        return put.apply(this, args);
      };
    }`,
  });

  test("the text stays in the composer, and goes out once there is room", async ({ people }) => {
    const [alice, bob] = await people("alice", "bob");
    await alice.startConversation(["bob"]);
    await alice.send("there is room");
    await bob.openConversation("alice");
    await bob.sees("there is room");
    const setQuota = (full: boolean) =>
      alice.page().evaluate((value) => new BroadcastChannel("quota").postMessage(value), full);

    await setQuota(true);
    const box = alice.page().getByRole("textbox", { name: "Message" });
    await box.fill("no room for this");
    await box.press("Enter");
    await expect(
      alice
        .page()
        .getByText(/space|full/i)
        .first(),
    ).toBeVisible();
    await expect(box).toHaveValue("no room for this");

    await setQuota(false);
    await box.press("Enter");
    await bob.sees("no room for this");
    expect(await bob.messages()).toEqual(["there is room", "no room for this"]);
  });
});
