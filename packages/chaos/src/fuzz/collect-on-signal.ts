// Loaded into the relay that is fuzzed: says what it holds, without what is only waiting to be freed.
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  process.stderr.write(`HOLDS ${mebibytes(heapUsed + external)} OF ${mebibytes(rss)}\n`);
});
