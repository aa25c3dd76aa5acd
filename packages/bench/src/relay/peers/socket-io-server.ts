// A peer of the relay: the same by Socket.IO with the parser that the relay uses. Nothing is stored.
import { createServer } from "node:http";
import { Server } from "socket.io";
import parser from "socket.io-msgpack-parser";

const http = createServer();
const io = new Server(http, { parser, transports: ["websocket"], perMessageDeflate: false });
io.on("connection", (socket) => {
  socket.on("message", (data: unknown) => io.emit("message", data));
});
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object")
    process.stdout.write(`Socket.IO is at http://localhost:${address?.port}\n`);
});
process.on("SIGTERM", () => process.exit(0));
