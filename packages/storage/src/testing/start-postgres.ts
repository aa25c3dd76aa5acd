import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Client } from "pg";
import { runServer, type ServerOptions, type ServerRecipe, type TestServer } from "./run-server.ts";

const DEBIAN = "/usr/lib/postgresql";

/** The directory of PostgreSQL's programs, the newest version; undefined where it isn't installed. */
export function findPostgres(): string | undefined {
  const places = [...versions(), ...(process.env["PATH"] ?? "").split(delimiter)];
  return places.find((place) => isProgram(join(place, "initdb")) && isProgram(join(place, "postgres")));
}

/**
 * Starts a PostgreSQL of its own: database `postgres`, user `thicket`, no password, loopback only.
 * @throws Error where it isn't installed.
 */
export async function startPostgres(options: ServerOptions = {}): Promise<TestServer> {
  const programs = findPostgres();
  if (programs === undefined) throw new Error("PostgreSQL isn't installed");
  const settings = { max_connections: "200", shared_buffers: "64MB", ...options.settings };
  const recipe: ServerRecipe = {
    name: "postgres",
    user: "postgres",
    url: (port) => `postgres://thicket@127.0.0.1:${port}/postgres`,
    prepare(directory, run) {
      run(join(programs, "initdb"), [
        "--pgdata",
        join(directory, "data"),
        "--username=thicket",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
      ]);
    },
    command: (directory, port) => [
      join(programs, "postgres"),
      "-D",
      join(directory, "data"),
      "-p",
      String(port),
      "-h",
      "127.0.0.1",
      "-k",
      "",
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    async ping(url) {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
      client.on("error", () => undefined);
      try {
        await client.connect();
        await client.query("SELECT 1");
      } finally {
        await client.end().catch(() => undefined);
      }
    },
  };
  return runServer(recipe, options);
}

function versions(): string[] {
  try {
    return readdirSync(DEBIAN)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(DEBIAN, version, "bin"));
  } catch {
    return [];
  }
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
