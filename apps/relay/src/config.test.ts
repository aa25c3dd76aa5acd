import { describe, expect, it } from "vitest";
import { helpText, readConfig } from "./config.ts";
import { SETTINGS, type Setting } from "./settings.ts";

const all: readonly Setting<unknown>[] = Object.values(SETTINGS);
const codeOf = (env: Record<string, string>) => {
  try {
    readConfig(env, "/srv");
    return "fine";
  } catch (error) {
    return error instanceof Error && "code" in error ? `${String(error.code)} ${error.message}` : error;
  }
};

describe("settings", () => {
  it("work without any", () => {
    expect(readConfig({}, "/srv")).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      dataDirectory: "/srv/data",
      blobDirectory: "/srv/data/blobs",
      blobLimit: 100 * 1024 * 1024,
      blobDays: 35,
      databaseUrl: undefined,
      asKeyFile: "/srv/data/authentication-key.json",
      origins: undefined,
      mimiHost: "localhost",
      logLevel: "info",
      registration: "open",
      metrics: undefined,
      trustedProxies: 1,
      drainSeconds: 0,
      limitMessages: 20,
    });
  });

  it("take relative paths from where the command was typed", () => {
    const config = readConfig({ INIT_CWD: "/home/ann", THICKET_DATA: "chat" }, "/srv");
    expect(config.dataDirectory).toBe("/home/ann/chat");
    expect(config.blobDirectory).toBe("/home/ann/chat/blobs");
    expect(readConfig({ INIT_CWD: "/home/ann", THICKET_BLOBS: "../large" }, "/srv").blobDirectory).toBe(
      "/home/large",
    );
  });

  it("take a PostgreSQL in the place of files, and the AS key from where it is said to be", () => {
    const url = "postgres://thicket:secret@db.example/thicket";
    const config = readConfig({ THICKET_DATABASE: url, THICKET_AS_KEY: "key.json" }, "/srv");
    expect(config).toMatchObject({ databaseUrl: url, asKeyFile: "/srv/key.json" });
    expect(readConfig({}, "/srv")).toMatchObject({
      databaseUrl: undefined,
      asKeyFile: "/srv/data/authentication-key.json",
    });
    for (const wrong of ["db.example", "mysql://secret@db.example/x"]) {
      const code = codeOf({ THICKET_DATABASE: wrong });
      expect(code).toMatch(/^CONFIG_INVALID THICKET_DATABASE/);
      expect(code).not.toContain("secret");
    }
  });

  it("take several origins, and the host of the first for ids", () => {
    const env = { THICKET_ORIGIN: "https://chat.example, http://localhost:5173/" };
    expect(readConfig(env, "/srv")).toMatchObject({
      origins: ["https://chat.example", "http://localhost:5173"],
      mimiHost: "chat.example",
    });
  });

  it("trust no proxy's word where anybody can reach the relay, unless told to", () => {
    expect(readConfig({ THICKET_HOST: "0.0.0.0" }, "/srv").trustedProxies).toBe(0);
    expect(readConfig({ THICKET_HOST: "::1" }, "/srv").trustedProxies).toBe(1);
    expect(readConfig({ THICKET_HOST: "::", THICKET_TRUST_PROXY: "2" }, "/srv").trustedProxies).toBe(2);
  });

  it("take their time to hand over connections where there are other nodes", () => {
    const nodes = { THICKET_REDIS: "redis://r", THICKET_DATABASE: "postgres://p/d" };
    expect(readConfig(nodes, "/srv").drainSeconds).toBe(10);
    expect(readConfig({ ...nodes, THICKET_DRAIN: "3" }, "/srv").drainSeconds).toBe(3);
  });

  it.each([
    ["THICKET_PORT", ["http", "-1", "65536", "80 80", "8e3"]],
    ["THICKET_HOST", ["a b"]],
    ["THICKET_DATABASE", ["thicket", "mysql://db/thicket"]],
    ["THICKET_BLOB_MIB", ["0", "-1", "1.5", "16385", "1e3", "much"]],
    ["THICKET_BLOB_DAYS", ["0", "3651", "for ever"]],
    ["THICKET_REDIS", ["cache", "http://cache"]],
    ["THICKET_ROLES", ["web,everything", ",", "WEB"]],
    ["THICKET_AS_KEYS", ["abc", `${"ab".repeat(32)},`]],
    ["THICKET_ORIGIN", ["chat.example", "ftp://chat.example", "https://chat.example/app", "https://a,,"]],
    ["THICKET_MIMI_HOST", ["Chat.Example", "a b", "https://a"]],
    ["THICKET_LOG", ["verbose"]],
    ["THICKET_METRICS", ["on", "9464", "http://a:1", "a:1/x", "a:b@c:1", "a:99999"]],
    ["THICKET_REGISTRATION", ["no"]],
    ["THICKET_TRUST_PROXY", ["yes", "-1", "11"]],
    ["THICKET_DRAIN", ["601", "1.5"]],
    ["THICKET_PING", ["0"]],
    ["THICKET_LIMIT_MESSAGES", ["0", "many", "1000001"]],
    ["THICKET_LIMIT_MESSAGE_BYTES", ["1", "65537"]],
    ["THICKET_LIMIT_COMMIT_BYTES", ["4194305"]],
  ])("refuse a wrong %s with CONFIG_INVALID and its name", (name, values) => {
    for (const value of values) expect(codeOf({ [name]: value })).toMatch(`CONFIG_INVALID ${name} must be`);
  });

  it("[RELAY-CONFIG-1] no wrong value is taken for any of them, and an unknown name is refused by name", () => {
    for (const { name, allowed } of all) {
      const texts = allowed.startsWith("a path") ? [] : ["\u0001 \u0001", "-".repeat(2000) + " "];
      for (const text of texts)
        expect(codeOf({ [name]: text })).toBe(`CONFIG_INVALID ${name} must be ${allowed}.`);
    }
    expect(codeOf({ THICKET_PROT: "1" })).toMatch(/^CONFIG_INVALID THICKET_PROT is no setting/);
    expect(codeOf({ THICKET_RELAY: "http://localhost:8080" })).toBe("fine");
  });

  it("refuse what can't go together", () => {
    expect(codeOf({ THICKET_REDIS: "redis://r" })).toMatch("set THICKET_DATABASE too");
    expect(codeOf({ THICKET_ROLES: "ds" })).toMatch("THICKET_AS_KEYS must be set");
    expect(codeOf({ THICKET_ROLES: "ds,as" })).toBe("fine");
    expect(codeOf({ THICKET_ROLES: "ds", THICKET_AS_KEYS: "ab".repeat(32) })).toBe("fine");
  });

  it("[RELAY-CONFIG-2] --help prints every one with its default, its meaning and what it may be", () => {
    const help = helpText();
    for (const { name, meaning, allowed, fallback, otherwise } of all) {
      const known = fallback ?? otherwise;
      expect(known, name).toBeDefined();
      expect(help).toContain(`  ${name}\n      ${meaning}\n      ${allowed}  (default: ${known})\n`);
      if (fallback !== null) expect(codeOf({ [name]: fallback }), name).not.toMatch("must be");
    }
    const named = [...help.matchAll(/^ {2}(THICKET_\w+)$/gm)].map(([, name]) => name);
    expect(named).toEqual(all.map(({ name }) => name));
  });
});
