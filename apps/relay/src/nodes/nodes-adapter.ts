import { createAdapter } from "@socket.io/redis-streams-adapter";
import type { Namespace } from "socket.io";
import { Adapter, type BroadcastOptions, type ClusterAdapter, MessageType } from "socket.io-adapter";
import type { RedisClient } from "./connect-redis.ts";

/** Messages that Redis keeps for nodes that are behind; the log is the truth for those that are further behind. */
const KEPT = 2000;

/**
 * Socket.IO's adapter over Redis streams, with one difference: the own sockets hear at once, whatever becomes of Redis.
 * The library tells Redis first and the own sockets after its answer, so that a chat within one node would stand
 * still while Redis is gone.
 */
export function nodesAdapter(client: RedisClient): (namespace: Namespace) => Adapter {
  // What is asked and answered goes by PUBLISH, whose failure the library leaves to nobody.
  const publish = client.publish.bind(client);
  Object.assign(client, {
    publish: (channel: string, message: Buffer) => publish(channel, message).catch(() => 0),
  });
  const create = createAdapter(client, { streamName: "thicket", channelPrefix: "thicket", maxLen: KEPT });
  // Socket.IO calls it with `new`.
  return function adapterOf(namespace) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it gives back is declared as any
    const adapter = create(namespace) as ClusterAdapter;
    const tell = (
      type: MessageType.BROADCAST | MessageType.SOCKETS_JOIN | MessageType.SOCKETS_LEAVE,
      opts: BroadcastOptions,
      data: object,
    ) => {
      if (opts.flags?.local === true) return;
      const { rooms, except = new Set(), flags } = opts;
      // oxlint-disable-next-line typescript/no-unsafe-argument, typescript/no-unsafe-type-assertion -- the library's own messages
      adapter["publish"]({
        type,
        data: { ...data, opts: { rooms: [...rooms], except: [...except], flags } },
      } as never);
    };
    adapter.broadcast = async (packet: object, opts: BroadcastOptions) => {
      Adapter.prototype.broadcast.call(adapter, packet, opts);
      tell(MessageType.BROADCAST, opts, { packet });
    };
    adapter.addSockets = async (opts: BroadcastOptions, rooms: string[]) => {
      Adapter.prototype.addSockets.call(adapter, opts, rooms);
      tell(MessageType.SOCKETS_JOIN, opts, { rooms });
    };
    adapter.delSockets = async (opts: BroadcastOptions, rooms: string[]) => {
      Adapter.prototype.delSockets.call(adapter, opts, rooms);
      tell(MessageType.SOCKETS_LEAVE, opts, { rooms });
    };
    return adapter;
  };
}
