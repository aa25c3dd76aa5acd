/** One engine under measurement, bytes in and bytes out, so that every engine pays for its own encoding. */
export interface Contender<Group, Joiner> {
  readonly name: string;
  found(): Promise<Group>;
  /** A key package as bytes, and what its owner keeps. */
  joiner(name: string): Promise<Joiner>;
  /** One commit that adds everybody, merged by its author. */
  add(
    group: Group,
    joiners: readonly Joiner[],
  ): Promise<{ group: Group; commit: Uint8Array; welcome: Uint8Array }>;
  join(welcome: Uint8Array, joiner: Joiner): Promise<Group>;
  send(group: Group, data: Uint8Array): Promise<{ group: Group; message: Uint8Array }>;
  receive(group: Group, message: Uint8Array): Promise<{ group: Group; data: Uint8Array }>;
  /** An empty commit with a path, merged by its author. */
  commit(group: Group): Promise<{ group: Group; commit: Uint8Array }>;
  process(group: Group, commit: Uint8Array): Promise<Group>;
}
