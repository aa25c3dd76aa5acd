/** The one source of randomness. It is handed in, so that a seeded simulation replays to the byte. */
export interface Random {
  bytes(length: number): Uint8Array;
}
