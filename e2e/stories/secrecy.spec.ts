import { DatabaseSync } from "node:sqlite";
import { expect, test } from "../src/stage/index.ts";
import { openDeliveryDatabase } from "../src/stage/raw-log.ts";

const CANARY = "canary-8f41c2d7-nobody-else-reads-this";

test("[SEC-1] what is typed is in no byte of the relay's database, logs or wire; group tables name nobody", async ({
  people,
  relay,
  wiretap,
}) => {
  const [alice, bob] = await people("alice-liddell", "bob-the-builder");
  await alice.startConversation(["bob-the-builder"], `title ${CANARY}`);
  await alice.send(`text ${CANARY}`);
  await bob.openConversation(`title ${CANARY}`);
  await bob.sees(`text ${CANARY}`);
  await bob.send(`answer ${CANARY}`);
  await alice.sees(`answer ${CANARY}`);

  const needles = [
    Buffer.from(CANARY),
    Buffer.from(CANARY, "utf16le"),
    Buffer.from(Buffer.from(CANARY).toString("base64")),
  ];
  const wire = wiretap.heard();
  const files = await relay.files();
  // The search finds what is there: the handle is looked up in clear on the (here unencrypted) wire and kept by the AS.
  expect(wire.includes("bob-the-builder")).toBe(true);
  expect(files.some(({ bytes }) => bytes.includes("bob-the-builder"))).toBe(true);
  for (const needle of needles) {
    expect(wire.includes(needle)).toBe(false);
    expect(relay.log().includes(needle.toString("latin1"))).toBe(false);
    for (const { name, bytes } of files) expect(bytes.includes(needle), name).toBe(false);
  }
  for (const handle of ["alice-liddell", "bob-the-builder"]) expect(relay.log()).not.toContain(handle);

  const database = openDeliveryDatabase(relay.dataDirectory);
  try {
    const names = identities(database);
    expect(names.length).toBeGreaterThanOrEqual(4);
    const needlesInGroups = [...names, "alice-liddell", "bob-the-builder"];
    expect(groupTables(database).length).toBeGreaterThanOrEqual(3);
    for (const table of groupTables(database)) {
      for (const row of database.prepare(`select * from "${table}"`).all()) {
        for (const [column, value] of Object.entries(row)) {
          for (const needle of needlesInGroups)
            expect(holds(value, needle), `${table}.${column}`).toBe(false);
        }
      }
    }
  } finally {
    database.close();
  }
});

/** User and device ids (hexadecimal), from the tables that may know them. */
function identities(database: DatabaseSync): string[] {
  const rows = database.prepare("select distinct user_id, device_id from key_packages").all();
  return rows.flatMap(({ user_id, device_id }) => [hex(user_id), hex(device_id)]);
}

function hex(value: unknown): string {
  if (!(value instanceof Uint8Array)) throw new TypeError("ids are stored as bytes");
  return Buffer.from(value).toString("hex");
}

/** All tables but the two that serve devices by name: key packages and waiting Welcomes. */
function groupTables(database: DatabaseSync): string[] {
  const rows = database.prepare("select name from sqlite_master where type = 'table'").all();
  return rows
    .map(({ name }) => String(name))
    .filter((name) => !/^(key_package|spent_key_package|welcome|sqlite|kysely|migration)/.test(name));
}

function holds(value: unknown, needle: string): boolean {
  if (typeof value === "string") return value.includes(needle);
  if (!(value instanceof Uint8Array)) return false;
  const bytes = Buffer.from(value);
  return (
    bytes.includes(needle) || (/^[0-9a-f]{32}$/.test(needle) && bytes.includes(Buffer.from(needle, "hex")))
  );
}
