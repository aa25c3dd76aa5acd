export * from "./api.ts";
export * from "./apply-event.ts";
export * from "./ports.ts";
