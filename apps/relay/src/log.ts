import { pino } from "pino";
import type { LogLevel } from "./settings.ts";

/** Codes, counts and durations: never handles, addresses, ids or payloads. */
type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** A bug or a failing store. Its message is left out: it could repeat what a request held. */
  readonly fault: (error: unknown) => void;
}

/** Structured logs: one JSON object a line on stdout. */
export function createLog(level: LogLevel): Log {
  const logger = pino({ level, base: null, messageKey: "event" });
  const at =
    (name: "debug" | "info" | "warn" | "error") =>
    (event: string, fields: Fields = {}) =>
      logger[name](fields, event);
  const error = at("error");
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error,
    fault: (thrown) => error("fault", describe(thrown)),
  };
}

function describe(thrown: unknown): Fields {
  if (!(thrown instanceof Error)) return { kind: typeof thrown };
  // The stack begins with the message: only the lines that name places in our code are kept.
  const places = thrown.stack?.split("\n").filter((line) => /^\s+at /.test(line));
  const code = "code" in thrown ? String(thrown.code) : undefined;
  const store = "errcode" in thrown ? Number(thrown.errcode) : undefined;
  return { kind: thrown.name, code, store, places: places?.slice(0, 6).join("\n") };
}
