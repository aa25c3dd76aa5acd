// A peer of the relay: what comes in on one socket goes out to all, by `ws` alone. Nothing is stored.
import { WebSocketServer } from "ws";

const echoes = process.argv[2] === "echo";
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket) => {
  socket.on("message", (data) => {
    if (echoes) return socket.send(data);
    for (const client of server.clients) client.send(data);
  });
});
server.on("listening", () => {
  const address = server.address();
  if (typeof address === "object") process.stdout.write(`ws is at http://localhost:${address?.port}\n`);
});
process.on("SIGTERM", () => process.exit(0));
