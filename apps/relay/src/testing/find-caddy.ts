import { existsSync } from "node:fs";

/** The path of the system's Caddy, or the one in CADDY_PATH; undefined where there is none. */
export function findCaddy(): string | undefined {
  const places = [
    process.env["CADDY_PATH"],
    "/usr/bin/caddy",
    "/usr/local/bin/caddy",
    "/opt/homebrew/bin/caddy",
  ];
  return places.find((path) => path !== undefined && existsSync(path));
}
