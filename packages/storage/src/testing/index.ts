export { freePort } from "./free-port.ts";
export type { ServerOptions, TestServer } from "./run-server.ts";
export { findPostgres, startPostgres } from "./start-postgres.ts";
export { findRedis, startRedis } from "./start-redis.ts";
