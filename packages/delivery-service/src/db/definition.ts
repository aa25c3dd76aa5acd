import type { StoreDefinition } from "@thicket/storage";
import type { DeliveryModel } from "./access.ts";
import { createHotBatch, hotReadsOver } from "./hot-postgres.ts";
import { MIGRATIONS } from "./migrations.ts";
import { hotReads, hotWrites } from "./statements.ts";

export const DELIVERY: StoreDefinition<DeliveryModel> = {
  name: "thicket_delivery",
  // "Thkt"
  applicationId: 0x54686b74,
  migrations: MIGRATIONS,
  hot: {
    sqlite: (prepare) => ({ reads: hotReads(prepare), writes: hotWrites(prepare) }),
    postgres: { reads: hotReadsOver, batch: createHotBatch },
  },
};
