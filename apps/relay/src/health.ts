import type { Metrics } from "./metrics.ts";
import type { RedisClient } from "./nodes/connect-redis.ts";

/** Why a node takes no traffic now. */
export type NotReady = "starting" | "draining" | "database" | "redis";

export interface Health {
  /** What stands against traffic, looked at now; nothing where the node is ready. */
  notReady(): Promise<readonly NotReady[]>;
  started(parts: HealthParts): void;
  draining(): void;
}

interface HealthParts {
  /** Those that this process runs. */
  services: readonly Service[];
  redis: RedisClient | undefined;
}

interface Service {
  /** Whether a write goes through now. */
  isWriting(): Promise<boolean>;
}

/** A database that doesn't answer in this time (ms) is gone. */
const ANSWER_WITHIN = 2000;

/** What /readyz says. A node without Redis serves its clients, but new ones are better off elsewhere. */
export function createHealth(metrics: Metrics): Health {
  let parts: HealthParts | undefined;
  let isDraining = false;
  return {
    async notReady() {
      const reasons: NotReady[] = [];
      if (isDraining) reasons.push("draining");
      if (parts === undefined) return [...reasons, "starting"];
      const writing = await Promise.all(parts.services.map(isWritingInTime));
      const database = !writing.includes(false);
      const redis = parts.redis === undefined || parts.redis.isReady;
      metrics.ready("database", database);
      metrics.ready("redis", redis);
      if (!database) reasons.push("database");
      if (!redis) reasons.push("redis");
      return reasons;
    },
    started(all) {
      parts = all;
    },
    draining() {
      isDraining = true;
    },
  };
}

async function isWritingInTime(service: Service): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ANSWER_WITHIN);
  });
  try {
    return await Promise.race([service.isWriting(), late]);
  } finally {
    clearTimeout(timer);
  }
}
