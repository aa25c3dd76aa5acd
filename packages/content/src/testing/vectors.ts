import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";

const repository = join(import.meta.dirname, "../../../..");
const folder = join(env["VECTORS_DIR"] ?? join(repository, "../shared/vectors"), "mimi");

/** One published example of draft-ietf-mimi-content. */
export interface Example {
  name: string;
  bytes: Uint8Array;
  /** Lower-case hexadecimal, as the example's comment states it. */
  messageId: string | undefined;
}

/** All examples, or undefined where the folder is absent (set VECTORS_DIR). */
export function examples(): Example[] | undefined {
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder)
    .filter((file) => file.endsWith(".cbor"))
    .map((file) => {
      const name = file.replace(/\.cbor$/, "");
      const notes = readFileSync(join(folder, `${name}.edn`), "utf8");
      const stated = /# message ID = h'([0-9a-f]{32})\n#\s*([0-9a-f]{32})'/.exec(notes);
      return {
        name,
        bytes: Uint8Array.from(readFileSync(join(folder, file))),
        messageId: stated === null ? undefined : `${stated[1]}${stated[2]}`,
      };
    });
}
