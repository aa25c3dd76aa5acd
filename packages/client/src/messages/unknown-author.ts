import { parseAccountId } from "../identity/parse-ids.ts";

/** Stands for the author of something that couldn't be opened, and so has none that one could know. Nobody's id. */
export const UNKNOWN_AUTHOR = parseAccountId("0".repeat(32));
