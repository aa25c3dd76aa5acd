import { once } from "node:events";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { runServer, type TestServer } from "./run-server.ts";
import { isProgram } from "./start-postgres.ts";

/** The path of redis-server; undefined where it isn't installed. */
export function findRedis(): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .concat("/usr/bin")
    .map((place) => join(place, "redis-server"))
    .find(isProgram);
}

/**
 * Starts a Redis of its own, which writes to the disk at once: loopback only.
 * @throws Error where it isn't installed.
 */
export async function startRedis(): Promise<TestServer> {
  const program = findRedis();
  if (program === undefined) throw new Error("Redis isn't installed");
  return runServer({
    name: "redis",
    url: (port) => `redis://127.0.0.1:${port}`,
    command: (directory, port) => [
      program,
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      directory,
      "--save",
      "",
      "--appendonly",
      "yes",
      "--appendfsync",
      "everysec",
    ],
    async ping(url) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      try {
        await once(socket, "connect");
        socket.write("PING\r\n");
        const [answer]: unknown[] = await once(socket, "data");
        if (!String(answer).startsWith("+PONG")) throw new Error(String(answer));
      } finally {
        socket.destroy();
      }
    },
  });
}
