import { randomBytes } from "node:crypto";
import type { Hello, Registration } from "@thicket/protocol";
import type { Socket } from "socket.io";

/** What a connection was greeted with. */
export interface Greeting {
  /** Signed at login; for this connection only. */
  nonce: Uint8Array;
}

/** Sends `hello`, with a fresh nonce. */
export function greet(
  socket: Socket,
  hello: {
    host: string;
    serverTime: number;
    asKeys?: readonly { keyId: Uint8Array; publicKey: Uint8Array }[];
    registration?: Registration;
    limits: Hello["limits"];
  },
): Greeting {
  const nonce = new Uint8Array(randomBytes(32));
  socket.emit("hello", { ...hello, nonce });
  return { nonce };
}

/**
 * What `check` finds for the first of the relay's own origins that it accepts. The origin is never taken from what the
 * client sends: a page elsewhere could pass a nonce on and have its own origin signed.
 */
export async function checkOrigins<T>(
  origins: readonly string[],
  check: (origin: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const origin of origins) {
    const found = await check(origin);
    if (found !== undefined) return found;
  }
  return undefined;
}
