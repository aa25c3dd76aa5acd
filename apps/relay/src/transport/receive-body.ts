import type { IncomingMessage } from "node:http";

/** How a request's body came to its end. */
export type BodyEnd = "whole" | "cut" | "idle" | "stopped";

export interface Body {
  /** Ends without an error, however the body ends: what came is kept. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly ended: () => BodyEnd;
  stop(): void;
}

/** A request's bytes as they come; none within `idle` ms is an end. */
export function receiveBody(request: IncomingMessage, idle: number): Body {
  let end: BodyEnd | undefined;
  let wake: () => void = () => undefined;
  const finish = (how: BodyEnd) => {
    end ??= how;
    wake();
  };
  request.on("readable", () => wake());
  request.on("end", () => finish("whole"));
  request.on("close", () => finish("cut"));
  request.on("error", () => finish("cut"));

  const isGivenUp = () => end === "idle" || end === "stopped";

  async function* chunks(): AsyncGenerator<Uint8Array> {
    while (!isGivenUp()) {
      const chunk: unknown = request.read();
      if (chunk instanceof Uint8Array) yield chunk;
      else if (end !== undefined) return;
      else {
        let waits = true;
        // One more look at the socket: a process that was held up itself would take what is there for nothing.
        const timer = setTimeout(() => setImmediate(() => waits && finish("idle")), idle);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        waits = false;
        clearTimeout(timer);
      }
    }
  }
  return {
    stream: ReadableStream.from(chunks()),
    ended: () => end ?? "stopped",
    stop: () => finish("stopped"),
  };
}
