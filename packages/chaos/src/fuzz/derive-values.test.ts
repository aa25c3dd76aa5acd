import { seededRandom } from "@thicket/delivery-service/testing";
import { padBlobSize, requests } from "@thicket/protocol";
import * as v from "valibot";
import { expect, test } from "vitest";
import { goodValue, mutationsOf, shapeOf } from "./derive-values.ts";

/** That a size is a padded one no shape can say. */
const paddedSizes = (field: string) => (field === "size" ? padBlobSize(5000) : undefined);
const cases = Object.entries(requests).map(([name, { request }]): [string, v.GenericSchema] => [
  name,
  request,
]);

test.each(cases)(
  "%s: what is made from its schema is taken by it, and most of what is spoiled isn't",
  (_, schema) => {
    const random = seededRandom(1);
    const shape = shapeOf(schema);
    const good = () => goodValue(shape, random, paddedSizes);
    // A handle is any text to the schema; every other value has to pass as made.
    for (let n = 0; n < 50; n++) expect(v.safeParse(schema, good()).success).toBe(true);
    const mutations = mutationsOf(shape, "canary");
    const refused = mutations.filter(
      (mutation) => !v.safeParse(schema, mutation.apply(good(), random)).success,
    );
    expect(refused.length).toBeGreaterThan(mutations.length / 3);
  },
);

test("every field of a request is spoiled, at any depth", () => {
  const names = mutationsOf(shapeOf(requests["group.commit"].request), "canary").map(({ name }) => name);
  for (const field of [
    ".groupId null",
    ".seatsAdded[] upper case",
    ".welcomes[].to[].keyPackageRef 33 bytes",
  ]) {
    expect(names).toContain(field);
  }
});

test("a schema of an unknown kind is a failure, not a request that nobody spoils", () => {
  expect(() => shapeOf(v.date())).toThrow("no values are known");
});
