import type { FileHandle } from "node:fs/promises";
import type { Success } from "../outcome.ts";
import { refuse, type Refusal } from "../outcome.ts";
import { type BlobFiles, describeFileFailure } from "./blob-files.ts";

/** After so many bytes they are flushed and recorded: what a crash makes a client send again. */
const STEP = 4 * 1024 * 1024;

export type Stored = Success & { stored: number };

export interface WriteBlobOptions {
  files: BlobFiles;
  idHash: Uint8Array;
  size: number;
  /** Where the source's first byte belongs. */
  from: number;
  source: AsyncIterable<Uint8Array>;
  /** Records that the bytes up to `to` are on the disk. */
  advance: (from: number, to: number) => Promise<Stored | Refusal>;
  /** So many bytes of the disk are left to others, the databases first of all. */
  keepFree: number;
  onFault: (error: unknown) => void;
}

/**
 * Writes what the source gives until it ends, however that comes about. An offset is recorded, and only then told,
 * after the bytes before it are flushed; a failure leaves the last one recorded. BLOB_UNKNOWN, BLOB_OFFSET_CONFLICT,
 * PAYLOAD_TOO_LARGE, DISK_FULL, STORE_FAILED.
 */
export async function writeBlob(options: WriteBlobOptions): Promise<Stored | Refusal> {
  const { files, idHash, onFault } = options;
  let file: FileHandle | undefined;
  try {
    file = await files.open(idHash);
    return file === undefined ? refuse("BLOB_UNKNOWN") : await writeInSteps(file, options);
  } catch (error) {
    const code = describeFileFailure(error);
    if (code !== "DISK_FULL") onFault(error);
    return refuse(code ?? "INTERNAL");
  } finally {
    await file?.close();
  }
}

async function writeInSteps(
  file: FileHandle,
  { files, size, from, source, advance, keepFree }: WriteBlobOptions,
): Promise<Stored | Refusal> {
  let written = from;
  let recorded: Stored = { ok: true, stored: from };
  // The flush comes first: what is recorded outlasts the power. After one that failed the same bytes are written anew,
  // since the kernel takes them for clean.
  const record = async (): Promise<Stored | Refusal> => {
    await file.datasync();
    return advance(recorded.stored, written);
  };
  for await (const chunk of source) {
    if (written + chunk.length > size) return refuse("PAYLOAD_TOO_LARGE", { limit: size });
    await writeAll(file, chunk, written);
    written += chunk.length;
    if (written - recorded.stored < STEP) continue;
    const reply = await record();
    if (!reply.ok) return reply;
    recorded = reply;
    if ((await files.room()) < keepFree) return refuse("DISK_FULL");
  }
  return written === recorded.stored ? recorded : record();
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
