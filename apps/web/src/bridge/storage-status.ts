/** Whether the browser may throw this device's account away, for the settings screen. */
export interface StorageStatus {
  /** True once the browser has promised not to clear the site's data by itself. */
  persisted: boolean;
  /** Bytes, as the browser estimates them; undefined where it doesn't say. */
  usage: number | undefined;
  quota: number | undefined;
}

/** Never rejects: a browser that doesn't tell counts as not persisted. */
export async function readStorageStatus(): Promise<StorageStatus> {
  if (!navigator.storage) return { persisted: false, usage: undefined, quota: undefined };
  const [persisted, estimate] = await Promise.all([
    navigator.storage.persisted().catch(() => false),
    navigator.storage.estimate().catch((): StorageEstimate => ({})),
  ]);
  return { persisted, usage: estimate.usage, quota: estimate.quota };
}

/** Asks the browser to keep the site's data; some ask the person. Resolves to whether it agreed; never rejects. */
export async function askPersistence(): Promise<boolean> {
  if (!navigator.storage) return false;
  if (await navigator.storage.persisted().catch(() => false)) return true;
  return navigator.storage.persist().catch(() => false);
}
