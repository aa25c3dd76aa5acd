import type { IncomingMessage } from "node:http";
import { isIPv4, isIPv6 } from "node:net";
import { isLoopback } from "../config.ts";

/**
 * What stands for the sender's address in limits: the address itself, for IPv6 its /64, since a household or a machine
 * has a whole one. Undefined where it tells nobody apart: this machine's own, behind no proxy that names another.
 * With n trusted proxies it is the n-th last of X-Forwarded-For: what stands before it was written by the sender.
 */
export function addressOf(request: IncomingMessage, trustedProxies: number): string | undefined {
  const direct = request.socket.remoteAddress;
  const header = request.headers["x-forwarded-for"];
  const named = header === undefined ? [] : [header].flat().join(",").split(",");
  // Fewer than there are proxies: the nearest to the sender that is named.
  const forwarded = trustedProxies === 0 ? undefined : (named.at(-trustedProxies) ?? named.at(0));
  const address = (forwarded ?? direct)?.trim();
  if (address === undefined || isLoopback(unmapped(address))) return undefined;
  return groupOf(unmapped(address));
}

/** IPv4 over an IPv6 socket is IPv4. */
function unmapped(address: string): string {
  const inner = /^::ffff:(.+)$/i.exec(address)?.[1];
  return inner !== undefined && isIPv4(inner) ? inner : address;
}

function groupOf(address: string): string {
  // A proxy that writes no address is one sender.
  if (!isIPv6(address)) return isIPv4(address) ? address : "unreadable";
  const [left = "", right] = address.split("%", 1)[0]?.split("::") ?? [];
  const before = left === "" ? [] : left.split(":");
  const after = right === undefined || right === "" ? [] : right.split(":");
  // An IPv4 address at the end takes two groups.
  const missing = 8 - before.length - after.length - (after.at(-1)?.includes(".") === true ? 1 : 0);
  const groups = right === undefined ? before : [...before, ...Array<string>(missing).fill("0"), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
