import { describe, expect, it } from "vitest";
import { HELP, readConfig } from "./config.ts";

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
      origins: undefined,
      mimiHost: "localhost",
      logLevel: "info",
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

  it.each([
    ["THICKET_PORT", ["http", "-1", "65536", "80 80"]],
    ["THICKET_ORIGIN", ["chat.example", "ftp://chat.example", "https://chat.example/app", "https://a,,"]],
    ["THICKET_MIMI_HOST", ["Chat.Example", "a b", "https://a"]],
    ["THICKET_LOG", ["verbose"]],
    ["THICKET_BLOB_MIB", ["0", "-1", "1.5", "16385", "1e3", "much"]],
    ["THICKET_BLOB_DAYS", ["0", "3651", "for ever"]],
  ])("refuse a wrong %s with CONFIG_INVALID and its name", (name, values) => {
    for (const value of values) expect(codeOf({ [name]: value })).toMatch(`CONFIG_INVALID ${name} must be`);
  });

  it("are all in --help", () => {
    for (const name of [
      "PORT",
      "HOST",
      "DATA",
      "BLOBS",
      "BLOB_MIB",
      "BLOB_DAYS",
      "ORIGIN",
      "MIMI_HOST",
      "WEB",
      "LOG",
    ]) {
      expect(HELP).toContain(`THICKET_${name} `);
    }
  });
});
