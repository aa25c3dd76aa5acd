import type { Page } from "@playwright/test";
import { expect, test, type Person } from "../src/stage/index.ts";

const FOREIGN = "https://elsewhere.example";

test.describe("under the relay's headers", { tag: "@firefox" }, () => {
  test.describe("an ordinary day", () => {
    // The worker has a policy of its own: what it violates is told to whoever listens, and on request it violates it.
    test.use({
      workerPrelude: `{
        const ear = new BroadcastChannel("ear");
        addEventListener("securitypolicyviolation", (event) => ear.postMessage(event.effectiveDirective));
        new BroadcastChannel("tempt").onmessage = () => { try { new Function("1"); } catch {} };
      }`,
    });

    test("[WEB-HEADERS-3] two people sign up, talk and reload, and nothing is against the policy, in page or worker", async ({
      people,
    }) => {
      const [alice, bob] = await people("alice", "bob");
      const hear = () => heardFromWorkers(alice.page());
      await hear();
      await alice.startConversation(["bob"], "Garden");
      await bob.openConversation("Garden");
      await alice.send("hello");
      await bob.sees("hello");
      await bob.send("hello yourself");
      await alice.sees("hello yourself");
      await alice.allSent();
      // From now on the service worker serves the page and its headers.
      await alice.page().evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
      await alice.page().reload();
      await hear();
      await alice.openConversation("Garden");
      await alice.sees("hello yourself");
      await alice.send("back again");
      await bob.sees("back again");
      expect(await alice.page().evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
      expect(await alice.page().evaluate(() => crossOriginIsolated)).toBe(true);

      expect(await hear()).toEqual([]);
      for (const somebody of [alice, bob]) expect(somebody.complaints()).toEqual([]);

      // Both ears work.
      await alice.page().evaluate(() => new BroadcastChannel("tempt").postMessage(""));
      await expect.poll(hear).toEqual(["require-trusted-types-for"]);
      await inPage(alice.page(), { eval: `() => eval("1")` });
      await expect
        .poll(() => violations(alice))
        .toEqual(["CSP: require-trusted-types-for trusted-types-sink"]);
    });
  });

  test.describe("a page that somebody wrote into", () => {
    test.use({
      plantedMarkup: `
        <base href="${FOREIGN}/">
        <script>document.documentElement.dataset.inline = "ran"</script>
        <img src="data:," onerror="document.documentElement.dataset.handler = 'ran'">
        <script src="/planted.js"></script>
        <script type="module" src="/planted.js"></script>
        <script src="${FOREIGN}/foreign.js"></script>
        <link rel="stylesheet" href="${FOREIGN}/foreign.css">
        <style>#root { display: none }</style>
        <iframe src="/"></iframe>`,
    });

    test("[WEB-HEADERS-4] [WEB-HEADERS-5] runs the app and nothing of what was written; and no script makes another one", async ({
      person,
    }) => {
      const alice = await person("alice");
      await alice.open();
      await alice.signUp();
      const ran = await alice.page().evaluate(() => Object.keys(document.documentElement.dataset));
      expect(ran.filter((key) => ["inline", "handler", "planted"].includes(key))).toEqual([]);
      const origin = new URL(alice.page().url()).origin;
      // A set: one file is refused to two tags.
      expect(new Set(violations(alice))).toEqual(
        new Set([
          `CSP: base-uri ${FOREIGN}/`,
          "CSP: script-src-elem inline",
          "CSP: script-src-attr inline",
          `CSP: script-src-elem ${origin}/planted.js`,
          `CSP: script-src-elem ${FOREIGN}/foreign.js`,
          `CSP: style-src-elem ${FOREIGN}/foreign.css`,
          "CSP: style-src-elem inline",
          `CSP: frame-src ${origin}/`,
        ]),
      );

      // Now a script has got in all the same: it makes none of text, addresses or policies of its own.
      const outcomes = await inPage(alice.page(), {
        eval: `() => eval("1")`,
        "new Function": `() => new Function("1")`,
        "setTimeout of a text": `() => setTimeout("1")`,
        innerHTML: `() => { document.createElement("div").innerHTML = "<b>x</b>"; }`,
        insertAdjacentHTML: `() => document.body.insertAdjacentHTML("beforeend", "<b>x</b>")`,
        "document.write": `() => document.write("<b>x</b>")`,
        "iframe.srcdoc": `() => { document.createElement("iframe").srcdoc = "<b>x</b>"; }`,
        DOMParser: `() => new DOMParser().parseFromString("<b>x</b>", "text/html")`,
        "script.src": `() => { document.createElement("script").src = "/service-worker.js"; }`,
        "script.text": `() => { document.createElement("script").text = "1"; }`,
        "an event handler": `() => document.createElement("b").setAttribute("onclick", "1")`,
        "a worker": `() => new Worker("/service-worker.js")`,
        "a service worker": `() => navigator.serviceWorker.register("/service-worker.js")`,
        "another policy": `() => trustedTypes.createPolicy("another", { createHTML: (text) => text })`,
        "the default policy": `() => trustedTypes.createPolicy("default", { createHTML: (text) => text })`,
        "the app's policy again": `() => trustedTypes.createPolicy("thicket-scripts", { createScriptURL: (url) => url })`,
        "a request elsewhere": `() => fetch("${FOREIGN}/")`,
      });
      for (const [name, outcome] of Object.entries(outcomes))
        expect(outcome, name).toMatch(/^(Type|Eval)Error$/);
      // Nobody is there to answer, but it was the policy that refused.
      await expect.poll(() => violations(alice)).toContain(`CSP: connect-src ${FOREIGN}/`);
      // The same way of asking, where there is nothing to refuse.
      expect(
        await inPage(alice.page(), { text: `() => { document.createElement("b").textContent = "x"; }` }),
      ).toEqual({
        text: "done",
      });
    });
  });
});

function violations(person: Person): string[] {
  return person.complaints().filter((text) => text.startsWith("CSP: "));
}

/** The directives that workers said they violated, since the first call in this document. */
function heardFromWorkers(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const holder: typeof globalThis & { heard?: string[] } = globalThis;
    if (holder.heard === undefined) {
      const heard: string[] = [];
      holder.heard = heard;
      new BroadcastChannel("ear").addEventListener("message", ({ data }: MessageEvent<string>) =>
        heard.push(data),
      );
    }
    return holder.heard;
  });
}

/**
 * Each attempt's outcome: the name of what it threw, or "done". They are made in a task of the page's own: what a
 * debugger evaluates is free of the policy.
 */
function inPage(page: Page, attempts: Record<string, string>): Promise<Record<string, string>> {
  return page.evaluate(async (sources) => {
    const outcomes: Record<string, string> = {};
    // oxlint-disable-next-line no-eval -- a debugger may
    const compile: (source: string) => () => unknown = globalThis.eval;
    const made = Object.entries(sources).map(([name, source]) => [name, compile(source)] as const);
    await new Promise((resolve) => setTimeout(resolve));
    for (const [name, attempt] of made) {
      try {
        await attempt();
        outcomes[name] = "done";
      } catch (error) {
        outcomes[name] = error instanceof Error ? error.name : "unknown";
      }
    }
    return outcomes;
  }, attempts);
}
