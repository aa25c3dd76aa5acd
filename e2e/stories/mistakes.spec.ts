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

test("[STORE-1] where the browser refuses storage the app says so and makes no account", async ({
  person,
}) => {
  const alice = await person("alice", {
    initScript: () => {
      // What a private window of some browsers does, and the worker meets it too: see the storage tests.
      Object.defineProperty(globalThis, "Worker", {
        value: class extends globalThis.Worker {
          constructor(url: string | URL, options?: WorkerOptions) {
            const source = `indexedDB.open = () => { throw new DOMException("refused", "SecurityError"); }; await import(${JSON.stringify(new URL(url, location.href).href)});`;
            super(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), {
              ...options,
              type: "module",
            });
          }
        },
      });
    },
  });
  await alice.open();
  await expect(
    alice
      .page()
      .getByText(/storage/i)
      .first(),
  ).toBeVisible();
  await expect(alice.page().getByRole("button", { name: "Create account" })).toHaveCount(0);
});
