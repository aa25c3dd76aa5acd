// Loaded into the relay that is fuzzed, so that its memory can be measured without what is only waiting to be freed.
process.on("SIGUSR2", () => globalThis.gc?.());
