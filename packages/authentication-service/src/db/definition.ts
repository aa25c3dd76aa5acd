import { NOTHING_HOT, type StoreDefinition } from "@thicket/storage";
import type { AccountModel } from "./access.ts";
import { MIGRATIONS } from "./migrations.ts";

export const ACCOUNTS: StoreDefinition<AccountModel> = {
  name: "thicket_authentication",
  // "ThkA"
  applicationId: 0x54686b41,
  migrations: MIGRATIONS,
  hot: NOTHING_HOT,
};
