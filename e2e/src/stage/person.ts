import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BrowserContext, expect, type Locator, type Page } from "@playwright/test";
import { type BrowserName, openBrowser, profilesOf } from "./browser.ts";

/** Somebody with a browser profile of their own. Their verbs are what a person does; they wait for what a person would see. */
export interface Person {
  readonly name: string;
  readonly handle: string;
  page(): Page;
  /** Opens the browser on its profile, at the conversation list or the sign-up page. */
  open(): Promise<void>;
  /** Closes the whole browser; the profile stays. */
  close(): Promise<void>;
  /** SIGKILL to the whole browser: no unload, no flush. */
  crash(): Promise<void>;
  newTab(): Promise<Page>;
  signUp(): Promise<void>;
  startConversation(handles: string[], title?: string): Promise<void>;
  openConversation(name: string): Promise<void>;
  send(text: string): Promise<void>;
  /** Waits until nothing of the open conversation is still on its way to the relay. */
  allSent(): Promise<void>;
  /** The texts of all messages in the open conversation, in order. */
  messages(): Promise<string[]>;
  sees(text: string): Promise<void>;
  /** The roster of the open conversation, sorted. */
  roster(): Promise<string[]>;
  /** The code that is equal for all who agree on the group's state. */
  groupCode(): Promise<string>;
  addMembers(handles: string[]): Promise<void>;
  removeMember(handle: string): Promise<void>;
  makeAdmin(handle: string): Promise<void>;
  rename(title: string): Promise<void>;
  leave(): Promise<void>;
  /**
   * What the browser's console complained of, and errors that nobody caught: of the pages and their workers. What a page
   * did against its Content-Security-Policy is among it as "CSP: directive what", also where the console keeps silent.
   */
  complaints(): string[];
  dispose(): Promise<void>;
}

export interface PersonOptions {
  /** Default: Chromium. */
  browser?: BrowserName;
  viewport?: { width: number; height: number };
  colorScheme?: "light" | "dark";
  /** A phone: no hover, a coarse pointer, the page scaled to the screen. */
  touch?: boolean;
}

export async function createPerson(
  name: string,
  origin: string,
  options: PersonOptions = {},
): Promise<Person> {
  const browser = options.browser ?? "chromium";
  const profile = await mkdtemp(join(profilesOf(browser), `thicket-${name}-`));
  const handle = name;
  let context: BrowserContext | undefined;
  let current: Page | undefined;
  const complaints: string[] = [];

  const page = (): Page => {
    if (!current) throw new Error(`${name}'s browser is closed`);
    return current;
  };
  const messageLog = () => page().getByRole("log", { name: "Messages" });

  async function open(): Promise<void> {
    context = await openBrowser(browser, profile, {
      userAgent: name,
      viewport: options.viewport ?? { width: 1280, height: 800 },
      colorScheme: options.colorScheme ?? "light",
      locale: "en-GB",
      ...(options.touch && { hasTouch: true, isMobile: true }),
    });
    context.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    context.on("weberror", (error) => complaints.push(String(error.error())));
    await context.addInitScript(() =>
      addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
        console.error(`CSP: ${effectiveDirective} ${blockedURI}`),
      ),
    );
    current = context.pages()[0] ?? (await context.newPage());
    await current.goto(origin);
  }

  async function close(): Promise<void> {
    await context?.close();
    context = undefined;
    current = undefined;
  }

  async function crash(): Promise<void> {
    const closed = context?.waitForEvent("close");
    // The profile path is in the command line of the browser and of each of its processes.
    spawnSync("pkill", ["-KILL", "-f", profile]);
    await closed;
    context = undefined;
    current = undefined;
    // A killed browser leaves its lock on the profile behind.
    for (const lock of ["SingletonLock", "SingletonCookie", "SingletonSocket"]) {
      await rm(join(profile, lock), { force: true });
    }
  }

  async function write(box: Locator, text: string): Promise<void> {
    // `fill` changes nothing in the Firefox that isn't Playwright's own.
    if (browser === "firefox") return box.pressSequentially(text);
    return box.fill(text);
  }

  async function withMembers<T>(act: (panel: Locator) => Promise<T>): Promise<T> {
    // An open dialog hides what lies below it from the accessibility tree.
    await expect(page().getByRole("dialog").or(page().getByRole("alertdialog"))).toHaveCount(0);
    const panel = page().getByRole("complementary", { name: "Members" });
    if (!(await panel.isVisible())) await page().getByRole("button", { name: "Members" }).click();
    await expect(panel).toBeVisible();
    return act(panel);
  }

  return {
    name,
    handle,
    page,
    open,
    close,
    crash,
    newTab: async () => {
      if (!context) throw new Error(`${name}'s browser is closed`);
      const tab = await context.newPage();
      await tab.goto(origin);
      return tab;
    },
    signUp: async () => {
      await write(page().getByRole("textbox", { name: "Handle" }), handle);
      await page().getByRole("button", { name: "Create account" }).click();
      await expect(page().getByRole("button", { name: "New conversation" }).first()).toBeVisible();
    },
    startConversation: async (handles, title) => {
      await page().getByRole("button", { name: "New conversation" }).first().click();
      const dialog = page().getByRole("dialog");
      for (const other of handles) {
        await write(dialog.getByRole("textbox", { name: "Handles" }), other);
        await page().keyboard.press("Enter");
      }
      if (title) await write(dialog.getByRole("textbox", { name: "Group title" }), title);
      await dialog.getByRole("button", { name: /^Start/ }).click();
      await expect(page().getByRole("textbox", { name: "Message" })).toBeEnabled();
    },
    openConversation: async (title) => {
      await page().getByRole("list", { name: "Conversations" }).getByRole("link", { name: title }).click();
      await expect(messageLog()).toBeVisible();
    },
    send: async (text) => {
      const box = page().getByRole("textbox", { name: "Message" });
      await write(box, text);
      await box.press("Enter");
      await expect(box).toHaveValue("");
      await expect(messageLog().getByText(text, { exact: true }).last()).toBeVisible();
    },
    allSent: async () => {
      await expect(
        messageLog()
          .getByText(/^(Sent|Delivered to all)$/)
          .last(),
      ).toBeAttached();
      await expect(messageLog().getByText(/^(Sending|Not sent)$/)).toHaveCount(0);
    },
    messages: () => messageLog().locator("[data-message-text]").allTextContents(),
    sees: async (text) => {
      await expect(messageLog().getByText(text, { exact: true })).toBeVisible();
    },
    roster: () =>
      withMembers(async (panel) => {
        const names = await panel
          .locator("[data-member-handle]")
          .evaluateAll((rows) => rows.map((row) => row.getAttribute("data-member-handle") ?? ""));
        return names.sort();
      }),
    groupCode: () => withMembers((panel) => panel.getByTestId("group-code").innerText()),
    addMembers: (handles) =>
      withMembers(async (panel) => {
        await panel.getByRole("button", { name: "Add people" }).click();
        const dialog = page().getByRole("dialog");
        for (const other of handles) {
          await dialog.getByRole("textbox", { name: "Handles" }).fill(other);
          await page().keyboard.press("Enter");
        }
        await dialog.getByRole("button", { name: /^Add/ }).click();
      }),
    removeMember: (other) =>
      withMembers(async (panel) => {
        await panel.getByRole("button", { name: `Actions for ${other}` }).click();
        await page()
          .getByRole("menuitem", { name: /^Remove/ })
          .click();
        await page()
          .getByRole("alertdialog")
          .getByRole("button", { name: /^Remove/ })
          .click();
      }),
    makeAdmin: (other) =>
      withMembers(async (panel) => {
        await panel.getByRole("button", { name: `Actions for ${other}` }).click();
        await page().getByRole("menuitem", { name: "Make admin" }).click();
      }),
    rename: (title) =>
      withMembers(async (panel) => {
        await panel.getByRole("button", { name: "Rename" }).click();
        const dialog = page().getByRole("dialog");
        await dialog.getByRole("textbox", { name: "Group title" }).fill(title);
        await dialog.getByRole("button", { name: "Save" }).click();
      }),
    leave: () =>
      withMembers(async (panel) => {
        await panel.getByRole("button", { name: /^Leave/ }).click();
        await page()
          .getByRole("alertdialog")
          .getByRole("button", { name: /^Leave/ })
          .click();
      }),
    complaints: () => [...complaints],
    dispose: async () => {
      await close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
