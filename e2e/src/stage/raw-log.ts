import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What the relay holds, read from its database beside the running process. */
export function openDeliveryDatabase(dataDirectory: string): DatabaseSync {
  return new DatabaseSync(join(dataDirectory, "delivery.sqlite"), { readOnly: true });
}

/** The bytes of every entry of every group's log, in order. */
export function readLog(dataDirectory: string): Buffer[] {
  const database = openDeliveryDatabase(dataDirectory);
  try {
    const rows = database.prepare("select bytes from entries order by group_no, seq").all();
    return rows.map(({ bytes }) => {
      if (!(bytes instanceof Uint8Array)) throw new TypeError("an entry's bytes are a blob");
      return Buffer.from(bytes);
    });
  } finally {
    database.close();
  }
}

/** How many devices have key packages waiting at the relay, so that they can be added while they are away. */
export function reachableDevices(dataDirectory: string): number {
  const database = openDeliveryDatabase(dataDirectory);
  try {
    const row = database
      .prepare(
        "select count(*) as devices from (select distinct user_id, device_id from key_packages where last_resort = 0)",
      )
      .get();
    return Number(row?.["devices"]);
  } finally {
    database.close();
  }
}
