import type { HotBatch, StoreDefinition } from "@thicket/storage";
import type { AccountModel } from "./access.ts";
import { MIGRATIONS } from "./migrations.ts";

const nothing = () => undefined;
/** Nothing is hot here, so nothing waits in a buffer. */
const noBatch: HotBatch<AccountModel> = {
  hot: {},
  fetch: nothing,
  forget: nothing,
  isPending: () => false,
  keep: nothing,
  discard: nothing,
  flush: nothing,
};

export const ACCOUNTS: StoreDefinition<AccountModel> = {
  name: "thicket_authentication",
  // "ThkA"
  applicationId: 0x54686b41,
  migrations: MIGRATIONS,
  hot: {
    sqlite: () => ({ reads: {}, writes: {} }),
    postgres: { reads: () => ({}), batch: () => noBatch },
  },
};
