import { setTimeout as wait } from "node:timers/promises";
import type { Socket } from "socket.io";
import type { Requests } from "./serve-requests.ts";

/** Every connection with its requests, for an end in which each is answered. */
export interface UnderWay {
  /** -> what forgets it. */
  add(socket: Socket, requests: Requests): () => void;
  /**
   * Hands the connections over, evenly over so many ms: each has what it asked answered and is
   * closed, so that its client connects again, elsewhere where there is an elsewhere. Settles after the last.
   */
  drain(ms: number): Promise<void>;
}

export function createUnderWay(): UnderWay {
  const connections = new Map<Socket["conn"], Set<Requests>>();
  return {
    add({ conn }, requests) {
      const own = connections.get(conn) ?? new Set();
      connections.set(conn, own.add(requests));
      return () => {
        own.delete(requests);
        if (own.size === 0) connections.delete(conn);
      };
    },
    async drain(ms) {
      const step = ms / Math.max(1, connections.size);
      const handOver = async ([conn, requests]: [Socket["conn"], Set<Requests>], index: number) => {
        await wait(index * step);
        await Promise.all([...requests].map((own) => own.finish()));
        // Not at once: what was answered goes out first.
        conn.close();
      };
      await Promise.all([...connections].map(handOver));
    },
  };
}
