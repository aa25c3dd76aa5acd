import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { SeededRandom } from "@thicket/delivery-service/testing";

/** A TCP proxy before one node: what the network between clients and it does is done here. */
export interface Proxy {
  readonly port: number;
  /** Where it passes connections on to; a node that comes back elsewhere is told. */
  target(port: number): void;
  /** Ends this share (0 to 1) of the connections, both ways and without a goodbye. */
  cut(share: number): void;
  /** As {@link cut}, but with the next chunk of each: a part of it passes, then the connection ends. */
  cutMidFrame(share: number): void;
  /** Holds back everything, both ways, for `ms`. */
  delay(share: number, ms: number): void;
  /** Requests still pass, but no answer does; after `ms` the connections end, so nobody learns what became of them. */
  swallowAnswers(share: number, ms: number): void;
  /** While on, new connections are refused. */
  refuse(on: boolean): void;
  /** Ends every fault that lasts. */
  heal(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly node: Socket;
  cutsMidFrame: boolean;
}

export async function createProxy(random: SeededRandom, firstTarget: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  const timers = new Set<NodeJS.Timeout>();
  let target = firstTarget;
  let refusing = false;

  const server = createServer({ noDelay: true }, (client) => {
    if (refusing) return void client.destroy();
    const node = connect({ port: target, host: "127.0.0.1", noDelay: true });
    const pair: Pair = { client, node, cutsMidFrame: false };
    pairs.add(pair);
    pass(pair, client, node);
    pass(pair, node, client);
  });

  function pass(pair: Pair, from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      if (pair.cutsMidFrame && chunk.length > 1) {
        to.write(chunk.subarray(0, 1 + random.below(chunk.length - 1)), () => end(pair));
        from.pause();
        return;
      }
      if (to.write(chunk)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    // Whatever ends one side ends the other.
    from.on("error", () => end(pair));
    from.on("close", () => end(pair));
    from.on("end", () => end(pair));
  }

  function end(pair: Pair): void {
    pairs.delete(pair);
    pair.client.destroy();
    pair.node.destroy();
  }

  function some(share: number): Pair[] {
    return [...pairs].filter(() => random.below(1000) < share * 1000);
  }

  function later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");

  return {
    port: address.port,
    target: (port) => void (target = port),
    cut: (share) => some(share).forEach(end),
    cutMidFrame: (share) => some(share).forEach((pair) => (pair.cutsMidFrame = true)),
    delay(share, ms) {
      const held = some(share);
      for (const { client, node } of held) for (const socket of [client, node]) socket.pause();
      later(ms, () => {
        for (const { client, node } of held) for (const socket of [client, node]) socket.resume();
      });
    },
    swallowAnswers(share, ms) {
      const held = some(share);
      for (const { node } of held) node.pause();
      later(ms, () => held.forEach(end));
    },
    refuse: (on) => void (refusing = on),
    heal() {
      refusing = false;
      for (const pair of pairs) {
        pair.cutsMidFrame = false;
        pair.client.resume();
        pair.node.resume();
      }
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const pair of pairs) end(pair);
      server.close();
      await once(server, "close");
    },
  };
}
