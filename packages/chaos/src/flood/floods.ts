/** What one client can do to the others: as many valid appends, invalid requests, connections or large messages as it can. */
export const FLOODS = ["appends", "invalid", "connects", "large"] as const;
export type Flood = (typeof FLOODS)[number];
