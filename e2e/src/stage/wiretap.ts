import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP relay between the browsers and the server that keeps what passes, unmasked, per person (told apart by User-Agent). */
export interface Wiretap {
  readonly port: number;
  /** The port that connections are passed on to. */
  aim(port: number): void;
  /** Every payload byte that went to or came from somebody's browser, over all their connections. */
  heard(person?: string): Buffer;
  /** Cuts every connection; new ones pass. */
  cut(): void;
  /** While blocked, connections are refused at once: the network is gone. */
  block(blocked: boolean): void;
  /** From now on everybody comes from this address, which is named to the relay as a reverse proxy would. */
  forwardFrom(address: string): void;
  close(): Promise<void>;
}

interface Line {
  person: () => string;
  up: Buffer[];
  down: Buffer[];
}

export async function createWiretap(port: number): Promise<Wiretap> {
  let target = 0;
  const lines: Line[] = [];
  const sockets = new Set<Socket>();
  let blocked = false;
  let from: string | undefined;

  const server: Server = createServer((browser) => {
    if (blocked) {
      browser.destroy();
      return;
    }
    const relay = connect(target, "127.0.0.1");
    const line: Line = { up: [], down: [], person: () => userAgent(line.up) };
    lines.push(line);
    join(browser, relay, line.up, from);
    join(relay, browser, line.down);
    for (const socket of [browser, relay]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    aim: (to) => {
      target = to;
    },
    heard: (person) =>
      Buffer.concat(
        lines
          .filter((line) => person === undefined || line.person() === person)
          .flatMap((line) => [payload(Buffer.concat(line.up)), payload(Buffer.concat(line.down))]),
      ),
    cut,
    block: (value) => {
      blocked = value;
      if (value) cut();
    },
    forwardFrom: (address) => {
      from = address;
    },
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

/** With an address, the connection's first request names it; an upgraded one has no other. */
function join(from: Socket, to: Socket, kept: Buffer[], address?: string): void {
  from.on("data", (data: Buffer) => {
    to.write(kept.length === 0 && address !== undefined ? withAddress(data, address) : data);
    kept.push(data);
  });
  from.on("close", () => to.destroy());
  from.on("error", () => to.destroy());
}

function withAddress(head: Buffer, address: string): Buffer {
  const line = head.indexOf("\r\n") + 2;
  return Buffer.concat([
    head.subarray(0, line),
    Buffer.from(`X-Forwarded-For: ${address}\r\n`),
    head.subarray(line),
  ]);
}

function userAgent(up: Buffer[]): string {
  const head = up[0]?.toString("latin1") ?? "";
  return /^user-agent: (.*)$/im.exec(head)?.[1]?.trim() ?? "";
}

/** HTTP as it is; after an upgrade, the WebSocket frames' payloads unmasked (RFC 6455 §5.2-5.3). */
function payload(stream: Buffer): Buffer {
  const end = stream.indexOf("\r\n\r\n");
  const head = stream.subarray(0, end).toString("latin1");
  if (end < 0 || !/upgrade: websocket/i.test(head)) return stream;
  const parts = [stream.subarray(0, end + 4)];
  let at = end + 4;
  // A frame's header is at most 14 bytes; the last frame of a cut line may be incomplete.
  while (at + 14 <= stream.length) {
    const masked = (stream.readUInt8(at + 1) & 0x80) !== 0;
    let length = stream.readUInt8(at + 1) & 0x7f;
    at += 2;
    if (length === 126) {
      length = stream.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(stream.readBigUInt64BE(at));
      at += 8;
    }
    const mask = masked ? stream.subarray(at, at + 4) : undefined;
    if (mask) at += 4;
    const data = Buffer.from(stream.subarray(at, at + length));
    if (mask) for (let index = 0; index < data.length; index++) data[index]! ^= mask[index % 4]!;
    parts.push(data);
    at += length;
  }
  return Buffer.concat(parts);
}
