import { hash } from "node:crypto";
import type { Entry } from "@thicket/protocol";
import {
  createInterning,
  type Digest,
  type History,
  type Listening,
  type Operation,
  type Outcome,
  type SeenEntry,
} from "../history.ts";

/** What an operation is before it is asked. */
export type Question<O extends Operation> = O extends Operation
  ? Omit<O, "id" | "invoked" | "completed" | "outcome">
  : never;

/** Writes down what clients ask and are told, as it happens. */
export interface Recorder {
  /** Asked; until it is {@link end}ed its outcome is unknown. */
  begin<O extends Operation>(question: Question<O>): O;
  end<O extends Operation>(operation: O, outcome: O["outcome"]): void;
  see(groupId: string, entry: Entry): SeenEntry;
  listen(listening: Omit<Listening, "seats" | "asked" | "entries" | "live">): Listening;
  /** Operations asked so far. */
  count(): number;
  history(ends: Pick<History, "finalViews" | "finalCounts" | "storeMayFail">): History;
}

export function createRecorder(
  onAsked: (count: number) => void,
  earlierPools: readonly Operation[] = [],
): Recorder {
  const operations: Operation[] = [];
  const listenings: Listening[] = [];
  const intern = createInterning(digestOf);
  return {
    begin<O extends Operation>(question: Question<O>): O {
      const asked = {
        ...question,
        id: operations.length,
        invoked: performance.now(),
        completed: Infinity,
        outcome: UNKNOWN,
      };
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the question with what every operation has besides
      const operation = asked as unknown as O;
      operations.push(operation);
      onAsked(operations.length);
      return operation;
    },
    end(operation, outcome) {
      operation.completed = performance.now();
      operation.outcome = outcome;
    },
    see: intern,
    listen(fields) {
      const listening: Listening = { ...fields, seats: [], asked: new Set(), entries: [], live: true };
      listenings.push(listening);
      return listening;
    },
    count: () => operations.length,
    history: (ends) => ({ operations, earlierPools, listenings, ...ends }),
  };
}

export const UNKNOWN: Outcome<never> = { kind: "unknown" };

export function digestOf(bytes: Uint8Array): Digest {
  return hash("sha256", bytes, "base64url");
}
