// Run as a process of its own and killed by a test: appends to a group without end, and prints each seq once it is
// acknowledged.
import { writeSync } from "node:fs";
import { openForTest } from "./open-for-test.ts";
import { scriptGroup } from "./scripted-group.ts";

const location = process.argv[2];
if (location === undefined) throw new Error("a database's location is needed");
const test = await openForTest(JSON.parse(location), { seed: 42 });
const group = scriptGroup(test.operations, test.random);
await group.create();
for (;;) {
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      const reply = await group.append(group.founder, group.first);
      if (!reply.ok) throw new Error(reply.error.code);
      writeSync(1, `${reply.seq}\n`);
    }),
  );
}
