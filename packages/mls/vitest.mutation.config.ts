import { env } from "node:process";
import { defineConfig } from "vitest/config";

/** The tests that mutants are run against: tools/mutate-mls.ts says which. One thread, and nothing is loaded twice. */
export default defineConfig({
  test: {
    include: (env["MUTATION_TESTS"] ?? "src/**/*.test.ts").split(";"),
    pool: "threads",
    isolate: false,
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
