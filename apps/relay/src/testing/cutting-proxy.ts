import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A network between client and relay that cuts a connection once `bytes` have gone to the relay, so many times. */
export async function createCuttingProxy(target: { port: number }, cuts: { times: number; bytes: number }) {
  let left = cuts.times;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const relay = connect(target.port, "localhost");
    let sent = 0;
    const end = () => {
      client.destroy();
      relay.destroy();
    };
    for (const socket of [client, relay]) {
      open.add(socket);
      socket.on("error", end);
      socket.on("close", end);
    }
    client.on("data", (chunk) => {
      sent += chunk.length;
      if (left > 0 && sent > cuts.bytes) {
        left -= 1;
        return end();
      }
      if (!relay.write(chunk)) client.pause();
    });
    relay.on("drain", () => client.resume());
    relay.pipe(client);
  }).listen(0, "localhost");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return {
    url: `http://localhost:${address.port}`,
    cutsLeft: () => left,
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
