export * from "./api.ts";
export * from "./apply-event.ts";
export { type Client, type ClientOptions, createClient } from "./client.ts";
export * from "./ports.ts";
export * from "./tables.ts";
