import type { SeededRandom } from "@thicket/delivery-service/testing";

/** What no client sends in one WebSocket message: packets cut, spliced, flipped, of wrong kinds, and msgpack that promises more than it holds. */
export function oddFrame(random: SeededRandom, canary: string): Buffer | string {
  const kind = random.below(8);
  if (kind === 0) return Buffer.from(random.bytes(random.below(300)));
  if (kind === 1) return oddText(random, canary);
  if (kind === 2) return packet(random, nested(random, 1 + random.below(200_000)));
  if (kind === 3) return packet(random, promising(random));
  if (kind === 4) return promising(random);
  if (kind === 5) return flipped(random, packet(random, Buffer.from([0x80])));
  if (kind === 6) {
    const whole = packet(random, Buffer.from([0x80]));
    return whole.subarray(0, random.below(whole.length));
  }
  return Buffer.concat([packet(random, Buffer.from([0xc0])), Buffer.from(random.bytes(20))]);
}

/** Engine.IO's and Socket.IO's own text packets, where binary ones are spoken. */
function oddText(random: SeededRandom, canary: string): string {
  return random.pick([
    "",
    "0",
    '0{"sid":"x"}',
    "1",
    "2probe",
    "3",
    "4",
    '40/ds,{"wire":1}',
    '42/ds,["login",{}]',
    "451-[]",
    "6",
    "9",
    "b!!!",
    "bAAAA",
    canary,
    "4".repeat(100_000),
    '40/nowhere,{"wire":2}',
  ]);
}

/** A Socket.IO packet in msgpack whose `data` ends in these bytes. */
function packet(random: SeededRandom, tail: Buffer): Buffer {
  const nsp = random.pick(["/ds", "/as", "/", "/nowhere", "/ds?x=1"]);
  const type = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 127]);
  const event = random.pick(["login", "group.append", "group.commit", "disconnect", "error", "__proto__"]);
  return Buffer.concat([
    Buffer.from([0x84]),
    text("type"),
    Buffer.from([type]),
    text("nsp"),
    text(nsp),
    text("id"),
    Buffer.from([random.below(128)]),
    text("data"),
    Buffer.from([0x92]),
    text(event),
    tail,
  ]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([0xa0 | value.length]), Buffer.from(value)]);
}

/** One value in another, `depth` times. */
function nested(random: SeededRandom, depth: number): Buffer {
  const open = random.pick([Buffer.from([0x91]), Buffer.from([0x81, 0xa1, 0x78])]);
  return Buffer.concat([...Array.from({ length: depth }, () => open), Buffer.from([0xc0])]);
}

/** A length, and nothing or little after it. */
function promising(random: SeededRandom): Buffer {
  const type = random.pick([0xdd, 0xdf, 0xdb, 0xc6, 0xc9, 0xdc, 0xde, 0xda, 0xc5, 0xc8]);
  const length = random.pick([0xffffffff, 0x7fffffff, 0x10000000, 0x00ffffff, 0x0000ffff]);
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(length, 1);
  const wide = [0xdd, 0xdf, 0xdb, 0xc6, 0xc9].includes(type);
  return Buffer.concat([wide ? head : head.subarray(0, 3), Buffer.alloc(random.below(40), 0xc0)]);
}

function flipped(random: SeededRandom, whole: Buffer): Buffer {
  const copy = Buffer.from(whole);
  for (let n = 0; n <= random.below(4); n++) copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** What comes to the port instead of a well-formed HTTP request; each is sent as it is, and the socket left open. */
export function oddHttp(random: SeededRandom, canary: string): Buffer {
  const path = random.pick([
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/blobs",
    `/blobs/${canary}`,
    `/blobs/${"ab".repeat(32)}`,
    "/socket.io/",
    "/socket.io/?EIO=4&transport=polling",
    "/socket.io/?EIO=3&transport=websocket",
    "/socket.io/?EIO=4&transport=websocket&sid=x",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/%",
    "/%00",
    `/${"a".repeat(20_000)}`,
    `/?${canary}`,
    "//evil.example/",
    "/assets/../index.html",
    "*",
  ]);
  const method = random.pick([
    ...(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"] as const),
    canary,
  ]);
  const headers = random.pick([
    "",
    "Upgrade: websocket\r\nConnection: Upgrade\r\n",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n",
    `Origin: https://${canary}.example\r\n`,
    "Content-Length: 99999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Range: bytes=0-18446744073709551615\r\n",
    `Tus-Resumable: 1.0.0\r\nUpload-Length: 99999999999\r\nUpload-Metadata: ${canary}\r\n`,
    `X: ${"y".repeat(70_000)}\r\n`,
    `Cookie: ${canary}\r\nAuthorization: Bearer ${canary}\r\n`,
    "Host: \r\n",
    `Tus-Resumable: 1.0.0\r\nUpload-Length: 9216\r\nBlob-Ticket: ${canary}\r\n`,
    `Tus-Resumable: 1.0.0\r\nUpload-Offset: -1\r\nContent-Length: 0\r\nBlob-Token: ${"cd".repeat(32)}\r\n`,
    `Tus-Resumable: ${canary}\r\nUpload-Offset: 18446744073709551616\r\n`,
    "Range: bytes=5-2,0-0,-1\r\nIf-Range: x\r\n",
  ]);
  const body = random.pick(["", "ffffffffff\r\n", "x".repeat(1000), canary]);
  const request = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`;
  const bytes = Buffer.from(request, "latin1");
  // Half of one, and then nothing: half-open.
  return random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}
