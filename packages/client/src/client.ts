import type { ClientEvent, Command, CommandReply, View } from "./api.ts";
import type { Ports } from "./ports.ts";

/** The chat client without a screen: one per device and store. */
export interface Client {
  /** Reads the store, publishes what is there, and follows the connections. Throws StoreError where the store can't be read. */
  start(): Promise<void>;
  /** Takes no more commands and events, and resolves when the running step has ended. */
  stop(): Promise<void>;
  /** Persists the act, then answers. Repeating a command (same commandId) does it once. Never throws: failures are replies. */
  send(command: Command): Promise<CommandReply>;
  /** A snapshot for a new tab; timelines hold the newest items of this session only. */
  view(): View;
  subscribe(listener: (event: ClientEvent) => void): () => void;
  /** Resolves when no step is queued or running; requests that wait for the network and timers don't count. */
  idle(): Promise<void>;
}

export interface ClientOptions {
  /** One-time key packages to keep at the relay per suite. Default 50. */
  keyPackages?: number;
}

export declare function createClient(ports: Ports, options?: ClientOptions): Client;
