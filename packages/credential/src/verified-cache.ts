/** Remembers which signed bytes were found good under which key. Only good ones: a refusal is judged anew. */
export interface VerifiedCache {
  has(publicKey: Uint8Array, signed: Uint8Array): boolean;
  add(publicKey: Uint8Array, signed: Uint8Array): void;
}

/**
 * A cache of at most `limit` entries; the one that was asked for longest ago goes first.
 * An entry's name is the key and the signed bytes themselves (some 200), so no two can be taken for each other.
 */
export function createVerifiedCache(limit: number): VerifiedCache {
  const names = new Set<string>();
  const renew = (name: string) => {
    names.delete(name);
    names.add(name);
  };
  return {
    has(publicKey, signed) {
      const name = nameOf(publicKey, signed);
      if (!names.has(name)) return false;
      renew(name);
      return true;
    },
    add(publicKey, signed) {
      renew(nameOf(publicKey, signed));
      for (const oldest of names) {
        if (names.size <= limit) break;
        names.delete(oldest);
      }
    },
  };
}

// Public keys all have 32 bytes here, so where one ends and the signed bytes begin is never in doubt.
function nameOf(publicKey: Uint8Array, signed: Uint8Array): string {
  return String.fromCharCode(...publicKey, ...signed);
}
