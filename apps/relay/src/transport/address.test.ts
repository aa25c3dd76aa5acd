import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { addressOf } from "./address.ts";

function from(direct: string, forwarded?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: direct });
  const request = new IncomingMessage(socket);
  if (forwarded !== undefined) request.headers["x-forwarded-for"] = forwarded;
  return request;
}

describe("the address that limits count by", () => {
  it("is the peer's own where no proxy is trusted", () => {
    expect(addressOf(from("192.0.2.7", "198.51.100.1"), 0)).toBe("192.0.2.7");
    expect(addressOf(from("::ffff:192.0.2.7"), 0)).toBe("192.0.2.7");
  });

  it("is what the outermost trusted proxy saw, and never what the sender wrote before it", () => {
    expect(addressOf(from("127.0.0.1", "203.0.113.9"), 1)).toBe("203.0.113.9");
    expect(addressOf(from("127.0.0.1", "6.6.6.6, 203.0.113.9"), 1)).toBe("203.0.113.9");
    expect(addressOf(from("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2"), 2)).toBe("203.0.113.9");
    expect(addressOf(from("10.0.0.1", "203.0.113.9"), 2)).toBe("203.0.113.9");
    expect(addressOf(from("192.0.2.7"), 1)).toBe("192.0.2.7");
  });

  it("is the /64 of an IPv6 address, however it is written", () => {
    for (const spelling of [
      "2001:db8:1:2:a:b:c:d",
      "2001:db8:1:2::1",
      "2001:0DB8:0001:0002::",
      "2001:db8:1:2::1.2.3.4",
    ]) {
      expect(addressOf(from(spelling), 0), spelling).toBe("2001:db8:1:2::/64");
    }
    expect(addressOf(from("2001:db8::1"), 0)).toBe("2001:db8:0:0::/64");
    expect(addressOf(from("fe80::1%eth0"), 0)).toBe("fe80:0:0:0::/64");
  });

  it("is none for this machine, and one for all that can't be read", () => {
    for (const own of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
      expect(addressOf(from(own), 0)).toBeUndefined();
    }
    expect(addressOf(from("127.0.0.1", "unknown"), 1)).toBe("unreadable");
    expect(addressOf(from("127.0.0.1", "<script>"), 1)).toBe("unreadable");
  });
});
