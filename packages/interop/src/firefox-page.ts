/**
 * What runs inside Firefox. One page holds a frame for each client: Firefox stores MLS state by origin and group, so
 * two clients of one group need two origins, and a trip into the browser costs more than the call, so many calls go in
 * one. Both functions are put into their documents as text and refer to nothing outside themselves.
 */

/** An argument or an answer; bytes go through as base64. */
export type PageValue = string | number | null | Bytes | PageValue[] | { [key: string]: PageValue };

export interface Bytes {
  readonly bytes: string;
}

export interface MlsCall {
  /** A group that the client is in; undefined for a call on the engine itself. */
  readonly group?: { readonly groupId: Bytes; readonly clientId: Bytes };
  readonly method: string;
  readonly args: readonly (string | number | Bytes)[];
}

/** For the frame at this address: a call, or to be loaded anew. */
export interface FrameCall {
  readonly frame: string;
  readonly call: MlsCall | "reload";
}

/** `crashed` is whatever isn't an answer of the engine. */
export type FrameAnswer =
  | { readonly result: PageValue }
  | { readonly refused: string }
  | { readonly crashed: string };

declare global {
  /** The engine, where the preference `dom.origin-trials.mls.state` is 1. */
  var MLS: new () => MlsEngine;
  var callFrames: (calls: readonly FrameCall[]) => Promise<FrameAnswer[]>;
}

interface MlsEngine {
  groupGet(groupId: Uint8Array, clientId: Uint8Array): Promise<object | null>;
}

/** In a frame: passes calls on to the engine and answers the page. */
export function installFrame(): void {
  const engine = new MLS();
  /** Handles of groups, by group id. */
  const known = new Map<string, object>();

  const bytesOf = ({ bytes }: Bytes) => Uint8Array.from(atob(bytes), (char) => char.codePointAt(0) ?? 0);

  const show = (value: unknown): PageValue => {
    if (value instanceof Uint8Array) return { bytes: btoa(String.fromCodePoint(...value)) };
    if (Array.isArray(value)) return value.map((one) => show(one));
    if (typeof value === "string" || typeof value === "number") return value;
    if (typeof value !== "object" || value === null) return null;
    // A group's handle has its ids as attributes, which Object.entries doesn't see.
    if ("groupId" in value && "deleteState" in value) return { groupId: show(value.groupId) };
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, show(one)]));
  };

  const targetOf = async (group: MlsCall["group"]): Promise<object | null> => {
    if (group === undefined) return engine;
    const id = group.groupId.bytes;
    const target = known.get(id) ?? (await engine.groupGet(bytesOf(group.groupId), bytesOf(group.clientId)));
    if (target !== null) known.set(id, target);
    return target;
  };

  const answer = async ({ group, method, args }: MlsCall): Promise<FrameAnswer> => {
    try {
      const target = await targetOf(group);
      if (target === null) return { refused: "no such group" };
      const run: unknown = Reflect.get(target, method);
      if (typeof run !== "function") return { crashed: `there is no ${method}` };
      if (method === "deleteState") known.clear();
      const given = args.map((arg) => (typeof arg === "object" ? bytesOf(arg) : arg));
      return { result: show(await Reflect.apply(run, target, given)) };
    } catch (error) {
      return error instanceof TypeError ? { crashed: String(error) } : { refused: String(error) };
    }
  };

  addEventListener("message", ({ data, source, origin }: MessageEvent<{ id: number; call: MlsCall }>) => {
    void answer(data.call).then((answered) =>
      source?.postMessage({ id: data.id, answered }, { targetOrigin: origin }),
    );
  });
  parent.postMessage("ready", "*");
}

/** In the page: hands each call to its frame and gathers the answers. */
export function installPage(): void {
  const frames = new Map<string, HTMLIFrameElement>();
  const waiting = new Map<number, (answer: FrameAnswer) => void>();
  let next = 0;

  const load = (address: string): Promise<FrameAnswer> => {
    frames.get(address)?.remove();
    const frame = document.createElement("iframe");
    frames.set(address, frame);
    return new Promise((resolve) => {
      addEventListener("message", function ready({ data, source }) {
        if (data !== "ready" || source !== frame.contentWindow) return;
        removeEventListener("message", ready);
        resolve({ result: null });
      });
      frame.src = address;
      document.body.append(frame);
    });
  };

  const answerOf = async ({ frame: address, call }: FrameCall): Promise<FrameAnswer> => {
    if (call === "reload" || !frames.has(address)) await load(address);
    if (call === "reload") return { result: null };
    return new Promise((resolve) => {
      const id = next++;
      waiting.set(id, resolve);
      frames.get(address)?.contentWindow?.postMessage({ id, call }, new URL(address).origin);
    });
  };

  addEventListener("message", ({ data }: MessageEvent<{ id: number; answered: FrameAnswer } | "ready">) => {
    if (data === "ready") return;
    waiting.get(data.id)?.(data.answered);
    waiting.delete(data.id);
  });
  globalThis.callFrames = (calls) => Promise.all(calls.map(answerOf));
}
