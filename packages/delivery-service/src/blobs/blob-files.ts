import { accessSync, constants, mkdirSync } from "node:fs";
import { type FileHandle, open, rm, stat, statfs } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { WireErrorCode } from "@thicket/protocol";
import { BlobsStartError } from "./blobs-start-error.ts";

/** The bytes of blobs, one file each. A file's name is the hash of the blob's id: a listing lets nobody download. */
export interface BlobFiles {
  path(idHash: Uint8Array): string;
  /** An empty file, whose name is on the disk when this settles; one that is there stays as it is. */
  make(idHash: Uint8Array): Promise<void>;
  /** For writing; undefined where there is none (any more). */
  open(idHash: Uint8Array): Promise<FileHandle | undefined>;
  /** Undefined where there is none. */
  size(idHash: Uint8Array): Promise<number | undefined>;
  /** None there is fine too. */
  erase(idHash: Uint8Array): Promise<void>;
  /** Free bytes on the disk. */
  room(): Promise<number>;
}

/** @throws BlobsStartError */
export function openBlobFiles(where: string): BlobFiles {
  const directory = resolve(where);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new BlobsStartError(directory, { cause });
  }
  const path = (idHash: Uint8Array) => join(directory, Buffer.from(idHash).toString("hex"));

  return {
    path,
    async make(idHash) {
      const file = await open(path(idHash), constants.O_WRONLY | constants.O_CREAT, 0o600);
      await file.close();
      // A new name is part of the directory: until that is flushed, a power failure can take the file away.
      const entries = await open(directory, constants.O_RDONLY);
      try {
        await entries.sync();
      } finally {
        await entries.close();
      }
    },
    async open(idHash) {
      try {
        return await open(path(idHash), constants.O_WRONLY);
      } catch (error) {
        if (codeOf(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    async size(idHash) {
      try {
        return (await stat(path(idHash))).size;
      } catch (error) {
        if (codeOf(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    erase: (idHash) => rm(path(idHash), { force: true }),
    async room() {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    },
  };
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** What a thrown error is to a client, or undefined where it is no failure of the file system. */
export function describeFileFailure(error: unknown): WireErrorCode | undefined {
  if (!(error instanceof Error) || !("syscall" in error)) return undefined;
  return FULL.has(String(codeOf(error))) ? "DISK_FULL" : "STORE_FAILED";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
