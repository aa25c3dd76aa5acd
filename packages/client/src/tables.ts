/** The rows that the client keeps: table -> what a row holds. Filled in by the verbs that own them. */
export interface Schema {
  /** Key: ["self"]. */
  account: Record<string, unknown>;
}
export type Table = keyof Schema;
