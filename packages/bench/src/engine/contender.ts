/** One engine under measurement, bytes in and bytes out, so that every engine pays for its own encoding. */
export interface Contender<Group = unknown, Keys = unknown> {
  /** The column of the table. */
  readonly name: string;
  /** Number of the cipher suite. */
  readonly suite: number;
  /** The largest group that it joins in a time that a bench can wait for; left out where there is none. */
  readonly largestGroup?: number;
  /** A key package as an MLSMessage, and what its owner keeps. */
  member(name: string): Promise<{ keyPackage: Uint8Array; keys: Keys }>;
  /** Joins by an MLSMessage that holds a Welcome with the ratchet tree inside. */
  join(welcome: Uint8Array, keys: Keys): Promise<Group>;
  send(group: Group, data: Uint8Array): Promise<{ group: Group; message: Uint8Array }>;
  receive(group: Group, message: Uint8Array): Promise<{ group: Group; data: Uint8Array }>;
  /** Takes another's commit. */
  process(group: Group, commit: Uint8Array): Promise<Group>;
  /** A commit without proposals, merged by its author; left out where the engine has no such call. */
  commit?(group: Group): Promise<{ group: Group; commit: Uint8Array }>;
  /** A group of one and one commit that adds everybody; left out where the engine adds one at a time only. */
  found?(keyPackages: readonly Uint8Array[]): Promise<() => Promise<unknown>>;
}
