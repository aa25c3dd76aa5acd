/** What engine-size.ts bundles. */
export * from "@thicket/mls";
