import { expect, test } from "../src/stage/index.ts";

test.describe("a browser whose version of the wire the relay doesn't know", () => {
  // A message on a channel makes the worker greet the relay with version 99, in place of the one it was built with.
  test.use({
    workerPrelude: `{
      let other = false;
      new BroadcastChannel("wire").onmessage = ({ data }) => { other = data; };
      const send = WebSocket.prototype.send;
      // MessagePack: a text of four bytes, "wire", and a small number.
      const version = [0xa4, 0x77, 0x69, 0x72, 0x65];
      WebSocket.prototype.send = function (data) {
        if (!other || typeof data === "string") return send.call(this, data);
        const bytes = new Uint8Array(data.buffer ?? data).slice();
        const at = bytes.findIndex((_, start) => version.every((byte, index) => bytes[start + index] === byte));
        if (at >= 0) bytes[at + version.length] = 99;
        return send.call(this, bytes);
      };
    }`,
  });

  test("says that it is out of date, keeps the history and what is written, and goes on once they agree", async ({
    people,
    wiretap,
    relay,
  }) => {
    const [alice, bob] = await people("alice", "bob");
    await alice.startConversation(["bob"]);
    await alice.send("written before");
    await bob.openConversation("alice");
    await bob.sees("written before");

    await alice.page().evaluate(() => new BroadcastChannel("wire").postMessage(true));
    wiretap.cut();
    const banner = alice
      .page()
      .getByRole("status")
      .filter({ hasText: /don't understand each other/ });
    await expect(banner).toContainText("Reload the page to get the newest version");
    expect(relay.log()).toContain("wire version refused");
    await alice.sees("written before");
    await alice.send("written meanwhile");
    await alice.sees("written meanwhile");
    await expect(alice.page().getByRole("log").getByText("Sending")).toBeAttached();

    // A fresh worker has the relay's version again.
    await alice.page().reload();
    await bob.sees("written meanwhile");
    await expect(banner).toHaveCount(0);
    expect(await bob.messages()).toEqual(["written before", "written meanwhile"]);
    await alice.sees("written meanwhile");
    expect(await alice.messages()).toEqual(["written before", "written meanwhile"]);
  });
});

test("in a whole ordinary journey nobody's console has an error", async ({ people }) => {
  const [alice, bob] = await people("alice", "bob");
  const page = alice.page();
  await alice.startConversation(["bob"], "Garden");
  await bob.openConversation("Garden");
  await alice.send("hello");
  await bob.sees("hello");
  await bob.send("see https://example.org 🌿");
  await alice.sees("see https://example.org 🌿");
  await expect.poll(() => alice.roster()).toEqual(["alice", "bob"]);
  await alice.rename("Orchard");
  await expect(bob.page().getByRole("heading", { level: 2, name: "Orchard" })).toBeVisible();

  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("orch");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByText("Dark", { exact: true }).click();
  await page.reload();
  await alice.openConversation("Orchard");
  await alice.sees("hello");
  await alice.newTab();
  await bob.leave();
  await expect.poll(() => alice.roster()).toEqual(["alice"]);
  await alice.close();
  await alice.open();
  await alice.openConversation("Orchard");
  await alice.sees("hello");

  for (const somebody of [alice, bob]) expect(somebody.complaints()).toEqual([]);
  // The ear itself works: of the page, of its worker, and of what nobody catches.
  await alice.page().evaluate(() => console.error("heard in the page"));
  await expect.poll(() => alice.complaints()).toEqual(["heard in the page"]);
  const [worker] = bob.page().workers();
  if (!worker) throw new Error("bob's tab has no engine worker");
  await worker.evaluate(() => console.error("heard in the worker"));
  await bob.page().evaluate(
    () =>
      void setTimeout(() => {
        throw new Error("nobody catches this");
      }),
  );
  await expect
    .poll(() =>
      bob
        .complaints()
        .map((text) => text.replace(/^.*(nobody catches this).*$/s, "$1"))
        .toSorted(),
    )
    .toEqual(["heard in the worker", "nobody catches this"]);
});
