import parser from "socket.io-msgpack-parser";
import { expect, test } from "vitest";
import { parseWith } from "./parse-with.ts";
import { toWire } from "./to-wire.ts";
import { Login } from "@thicket/protocol";

function throughTheWire(value: unknown): unknown {
  const frames: unknown = new parser.Encoder().encode({ type: 2, nsp: "/ds", data: ["event", value] });
  const [frame] = frames as ArrayBuffer[];
  const decoder = new parser.Decoder();
  const received: unknown[] = [];
  decoder.on("decoded", (packet) => received.push(packet.data[1]));
  decoder.add(frame);
  return received[0];
}

test("bytes cross the wire as bytes, even those that are a view on a larger buffer", () => {
  const pool = new Uint8Array(1000).fill(9);
  const view = pool.subarray(100, 164);
  crypto.getRandomValues(view);
  const login = {
    attestation: pool.subarray(0, 3),
    deviceCertificate: new Uint8Array([7]),
    signature: view,
  };
  const parsed = parseWith(Login.request, throughTheWire(toWire(login)));
  expect(parsed.ok && parsed.value).toEqual({
    attestation: new Uint8Array([9, 9, 9]),
    deviceCertificate: new Uint8Array([7]),
    signature: new Uint8Array(view),
  });
});

test("fields that are undefined are left out, everything else stays as it is", () => {
  const value = { a: undefined, b: null, c: [1, "x", { d: false, e: undefined }], f: -1.5 };
  expect(throughTheWire(toWire(value))).toEqual({ b: null, c: [1, "x", { d: false }], f: -1.5 });
});

test("a value that isn't what the schema says is refused without its content", () => {
  expect(parseWith(Login.request, { attestation: "text" })).toEqual({ ok: false });
});
