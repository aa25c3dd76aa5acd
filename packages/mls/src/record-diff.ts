/**
 * What to write and what to erase so that stored records come to hold a state. Keys start with `public/` (nothing
 * that a removed member or a server could use) or `secret/`. Apply both lists in one transaction.
 */
export interface RecordDiff {
  readonly put: [key: string, value: Uint8Array][];
  readonly delete: string[];
}
