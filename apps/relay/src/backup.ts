import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { copyAuthentication } from "@thicket/authentication-service";
import { copyDelivery } from "@thicket/delivery-service";
import type { Config } from "./config.ts";
import { locateDatabases } from "./locate-databases.ts";
import { StartError } from "./start-error.ts";

/**
 * `relay backup DIRECTORY`: copies both databases, the blobs and the AS key into a new directory, each as it is at one
 * moment, also while the relay runs. The directory is there once it is whole and on the disk, or not at all. Put in the
 * place of
 * THICKET_DATA it is a relay's data again.
 * @throws StartError BACKUP_REFUSED; DatabaseStartError
 */
export function runBackup(config: Config, directory: string): void {
  const { delivery, authentication } = locateDatabases(config);
  if (delivery.kind !== "sqlite" || authentication.kind !== "sqlite") {
    const sentence = "PostgreSQL has its own: take a backup with pg_dump, and a copy of the AS key.";
    throw new StartError("BACKUP_REFUSED", sentence);
  }
  if (existsSync(directory)) {
    throw new StartError(
      "BACKUP_REFUSED",
      `${directory} is there already. A backup makes a directory of its own.`,
    );
  }
  const draft = `${directory}.part`;
  try {
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    // The key first: no account of the copy was attested with one that isn't in it.
    const key = join(draft, "authentication-key.json");
    copyFileSync(config.asKeyFile, key);
    copyAuthentication(authentication.file, join(draft, "authentication.sqlite"));
    copyDelivery(delivery.file, join(draft, "delivery.sqlite"));
    // Blobs after their rows: what the copy says is whole was whole before its file is copied.
    copyBlobs(config.blobDirectory, join(draft, "blobs"));
    bringToDisk(key);
    bringToDisk(draft);
    renameSync(draft, directory);
    bringToDisk(dirname(directory));
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new StartError("BACKUP_REFUSED", `${directory} can't be written: ${error.message}`, {
      cause: error,
    });
  }
}

function copyBlobs(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  for (const name of existsSync(from) ? readdirSync(from) : []) {
    const copy = join(to, name);
    try {
      copyFileSync(join(from, name), copy, constants.COPYFILE_FICLONE);
      bringToDisk(copy);
    } catch (error) {
      // Its time was over, or its owner has deleted it, in this moment.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  bringToDisk(to);
}

function bringToDisk(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
