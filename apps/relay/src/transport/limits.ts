import type { Config } from "../config.ts";
import type { RedisClient } from "../nodes/connect-redis.ts";
import { createRateLimit, type Rate, type RateLimit } from "./rate-limit.ts";

/** Every rate that a peer is held to. Keys stay in memory and in Redis, and go with their stretch of time. */
export interface Limits {
  /** One request: of everybody together, and of one address where that tells senders apart. */
  requests: (address: string | undefined) => ReturnType<RateLimit>;
  /** Opening a connection, by address. */
  connecting: ByAddress;
  logins: ByAddress;
  registrations: ByAddress;
  /** HTTP requests, by address. */
  http: ByAddress;
  /** By device. */
  messages: RateLimit;
  claims: RateLimit;
  knocks: RateLimit;
  /** To upload a blob, by device. */
  tickets: RateLimit;
  /** Seats that are attached and pages that are read, by device. */
  reading: RateLimit;
  /** By seat. */
  commits: RateLimit;
}

type ByAddress = (address: string | undefined) => ReturnType<RateLimit>;

/** An outbox that filled while offline drains at once; so do the seats of somebody with many groups. */
const BURST = 10;
const READS = { points: 500, burst: 20_000 };
const CONNECTING = { points: 50, burst: 500 };

/** What is counted on each request stays on the node; what is dear or a secret's guard is counted over all nodes. */
export function createLimits(config: Config, redis: RedisClient | undefined): Limits {
  const here = (rate: Rate) => createRateLimit(rate);
  const everywhere = (rate: Rate) => createRateLimit(rate, redis);
  const total = here({ name: "total", points: config.limitRequestsTotal, seconds: 1 });
  const perAddress = here({ name: "address", points: config.limitRequestsPerAddress, seconds: 1 });
  const perSecond = (name: string, points: number): Rate => ({
    name,
    points,
    seconds: 1,
    burst: BURST * points,
  });
  return {
    async requests(address) {
      const refused = address === undefined ? undefined : await perAddress(address);
      return refused ?? total("all");
    },
    connecting: byAddress(here({ name: "connecting", seconds: 1, ...CONNECTING })),
    http: byAddress(here({ name: "http", points: config.limitRequestsPerAddress, seconds: 1 })),
    logins: byAddress(everywhere({ name: "logins", points: config.limitLogins, seconds: 60 })),
    registrations: byAddress(
      everywhere({ name: "registrations", points: config.limitRegistrations, seconds: 3600 }),
    ),
    messages: everywhere(perSecond("messages", config.limitMessages)),
    claims: everywhere({ ...perSecond("claims", config.limitClaims), burst: config.limitClaims }),
    knocks: everywhere({ name: "knocks", points: config.limitKnocks, seconds: 3600 }),
    tickets: everywhere(perSecond("tickets", 1)),
    commits: everywhere(perSecond("commits", config.limitCommits)),
    reading: here({ name: "reading", seconds: 1, ...READS }),
  };
}

/** Where the address tells nobody apart, as behind a proxy that names none, one sender must not use up all turns. */
function byAddress(limit: RateLimit): ByAddress {
  return async (address) => (address === undefined ? undefined : limit(address));
}
