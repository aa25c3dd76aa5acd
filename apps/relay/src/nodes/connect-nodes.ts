import { createAdapter } from "@socket.io/redis-streams-adapter";
import type { Namespace } from "socket.io";
import { type Adapter, type ClusterAdapter, MessageType } from "socket.io-adapter";
import type { RedisClient } from "./connect-redis.ts";
import type { Hint, OtherNodes } from "./hint.ts";

/** Hints that Redis keeps for nodes that are behind; the log is the truth for those that are further behind. */
const KEPT = 2000;
/** Names a hint among the adapter's messages: no socket enters a room of this name. */
const HINT = "hint";

export interface Nodes {
  /** For Socket.IO's server. */
  adapter: (namespace: Namespace) => Adapter;
  of(namespace: Namespace): OtherNodes;
}

/**
 * The nodes that share a Redis, by Socket.IO's adapter over its streams. Each tells its own sockets itself, whatever
 * becomes of Redis: what goes through it is what the Delivery Service tells, not what sockets are sent. So a node knows
 * what it missed, and doesn't pass on what comes too late.
 */
export function connectNodes(client: RedisClient): Nodes {
  // What is asked and answered goes by PUBLISH, whose failure the library leaves to nobody.
  const publish = client.publish.bind(client);
  Object.assign(client, {
    publish: (channel: string, message: Buffer) => publish(channel, message).catch(() => 0),
  });
  const create = createAdapter(client, { streamName: "thicket", channelPrefix: "thicket", maxLen: KEPT });
  const hearing = new WeakMap<Adapter, (hint: Hint) => void>();

  return {
    // Socket.IO calls it with `new`.
    adapter: function adapterOf(namespace) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it gives back is declared as any
      const adapter = create(namespace) as ClusterAdapter;
      const onMessage = adapter["onMessage"].bind(adapter);
      Reflect.set(adapter, "onMessage", (message: Message, offset?: string) => {
        const hear = hearing.get(adapter);
        const hint = message.uid === adapter["uid"] ? undefined : hintOf(message);
        if (hint === undefined) onMessage(message, offset);
        else hear?.(hint);
      });
      return adapter;
    },
    of: ({ adapter }) => ({
      tell(hint) {
        const packet = { hint };
        const message = {
          type: MessageType.BROADCAST,
          data: { packet, opts: { rooms: [HINT], except: [] } },
        };
        // oxlint-disable-next-line typescript/no-unsafe-argument, typescript/no-unsafe-type-assertion -- the library's own messages
        (adapter as ClusterAdapter)["publish"](message as never);
      },
      onHint: (hear) => hearing.set(adapter, hear),
    }),
  };
}

type Message = Parameters<ClusterAdapter["onMessage"]>[0];

/** Other nodes are believed: who can write to their Redis is one of them. */
function hintOf(message: Message): Hint | undefined {
  if (message.type !== MessageType.BROADCAST || message.data.opts.rooms[0] !== HINT) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what {@link OtherNodes.tell} made
  return (message.data.packet as { hint: Hint }).hint;
}
