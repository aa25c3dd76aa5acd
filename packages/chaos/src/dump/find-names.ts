/** Everything that one table holds, one value after the other. */
export interface TableDump {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What must not be found, and what it is, in words that may be shown. */
export interface Name {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Tables that serve devices and not groups: they know whose key package or Welcome it is, and no group and no seat. */
const OF_DEVICES = new Set(["key_packages", "welcomes"]);

/**
 * Where the Delivery Service's database holds what it must not know: who somebody is beside what groups they are in,
 * the other way round, or a token itself. Sentences; empty where there is nothing.
 */
export function findNames(
  tables: readonly TableDump[],
  names: { people: readonly Name[]; groups: readonly Name[]; secrets: readonly Name[] },
): string[] {
  const found: string[] = [];
  for (const { name, bytes } of tables) {
    const forbidden = OF_DEVICES.has(name) ? names.groups : names.people;
    for (const hidden of [...forbidden, ...names.secrets]) {
      const encoding = encodings(hidden.bytes).find(([, needle]) => bytes.includes(needle))?.[0];
      if (encoding !== undefined) found.push(`table ${name} holds ${hidden.what} (${encoding})`);
    }
  }
  return found;
}

/** As it is, as text, and as a dump shows bytes. */
function encodings(bytes: Buffer): [string, Buffer][] {
  const hex = bytes.toString("hex");
  // Without its last characters base64 is the same wherever the value ends.
  const base64 = bytes.toString("base64").replace(/.{1,4}$/, "");
  return [
    ["raw", bytes],
    ["hexadecimal", Buffer.from(hex)],
    ["upper-case hexadecimal", Buffer.from(hex.toUpperCase())],
    ["base64", Buffer.from(base64)],
    ["base64url", Buffer.from(base64.replaceAll("+", "-").replaceAll("/", "_"))],
    ["hexadecimal of hexadecimal", Buffer.from(Buffer.from(hex).toString("hex"))],
  ];
}
