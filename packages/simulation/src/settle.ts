/**
 * WebCrypto works on threads, so its answers come in an order of their own. Here they are handed out
 * in the order in which they were asked for, each in a turn of the event loop of its own: then what a
 * client does depends on nothing but its inputs, and a seed replays exactly.
 */
import { webcrypto } from "node:crypto";

interface Pending {
  hand?: () => void;
}

const METHODS = [
  "importKey",
  "exportKey",
  "sign",
  "verify",
  "encrypt",
  "decrypt",
  "deriveBits",
  "deriveKey",
  "digest",
  "wrapKey",
  "unwrapKey",
] as const;

const pending: Pending[] = [];
const held = new Set<Promise<unknown>>();
const rawKeys = new WeakMap<object, string>();
let onSealed: ((key: string, sealed: Uint8Array) => void) | undefined;
let handing = false;
let onHanded: (() => void) | undefined;
let installed = false;

/** Puts WebCrypto of this thread in order. Repeating it does nothing. */
export function orderWebCrypto(): void {
  if (installed) return;
  installed = true;
  const subtle: object = webcrypto.subtle;
  for (const method of METHODS) {
    const real: unknown = Reflect.get(subtle, method);
    if (typeof real !== "function") throw new Error(`WebCrypto has no ${method}`);
    Object.defineProperty(subtle, method, {
      configurable: true,
      value: (...args: unknown[]) => {
        // Read now: who asks may wipe the bytes as soon as the call returns.
        const imported =
          method === "importKey" && args[1] instanceof Uint8Array
            ? Buffer.from(args[1]).toString("hex")
            : undefined;
        return inOrder(Promise.resolve(Reflect.apply(real, subtle, args)), (result) =>
          watch(method, args, imported, result),
        );
      },
    });
  }
  // A key from the platform's own generator could never be replayed.
  Object.defineProperty(subtle, "generateKey", {
    configurable: true,
    value: () =>
      Promise.reject(new Error("generateKey in a simulation: keys come from the injected random source")),
  });
}

/** Tells of every AEAD encryption in this thread: the key (hexadecimal) and what came out. */
export function watchSealing(listener: ((key: string, sealed: Uint8Array) => void) | undefined): void {
  onSealed = listener;
}

/** Work that isn't WebCrypto's and that settling must wait for. */
export function hold<T>(work: Promise<T>): Promise<T> {
  const done = work.finally(() => held.delete(done));
  held.add(done);
  return done;
}

/** Resolves when nothing in this thread can go on by itself: all that is left waits for the network or the clock. */
export async function settle(): Promise<void> {
  for (;;) {
    while (pending.length > 0) await nextHanded();
    await turn();
    if (pending.length > 0) continue;
    const [work] = held;
    if (work === undefined) return;
    await Promise.race([work.catch(() => {}), turn()]);
  }
}

function watch(
  method: (typeof METHODS)[number],
  args: unknown[],
  imported: string | undefined,
  result: unknown,
): void {
  if (imported !== undefined && typeof result === "object" && result !== null) rawKeys.set(result, imported);
  if (method === "encrypt" && onSealed && typeof args[1] === "object" && args[1] !== null) {
    const key = rawKeys.get(args[1]);
    if (key !== undefined && result instanceof ArrayBuffer) onSealed(key, new Uint8Array(result));
  }
}

function inOrder<T>(real: Promise<T>, watched: (result: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const entry: Pending = {};
    pending.push(entry);
    real.then(
      (value) => {
        watched(value);
        entry.hand = () => resolve(value);
        handNext();
      },
      (error: unknown) => {
        entry.hand = () =>
          reject(error instanceof Error ? error : new Error("WebCrypto failed", { cause: error }));
        handNext();
      },
    );
  });
}

function handNext(): void {
  if (handing || pending[0]?.hand === undefined) return;
  handing = true;
  setImmediate(() => {
    handing = false;
    pending.shift()?.hand?.();
    onHanded?.();
    handNext();
  });
}

function nextHanded(): Promise<void> {
  return new Promise((resolve) => {
    onHanded = () => {
      onHanded = undefined;
      resolve();
    };
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
