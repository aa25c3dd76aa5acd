export { createMemoryStore, type MemoryStore } from "./memory-store.ts";
export { type StoreContractCheck, storeContract } from "./store-contract.ts";
