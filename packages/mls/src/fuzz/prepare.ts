import { decode, encode } from "../codec/codec.ts";
import { type AuthenticatedContent, mlsMessageCodec } from "../framing/message.ts";
import { openLate } from "../group/past-epoch.ts";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Dice } from "./dice.ts";
import { genuineMeanings } from "./oracle.ts";
import { contentOfMessage } from "./reseal.ts";
import { createWorld, fingerprint, fuzzDeps, type Genuine, type World } from "./world.ts";

/** A world with what the targets look up in it again and again. */
export interface Prepared {
  readonly world: World;
  readonly meanings: ReadonlySet<string>;
  readonly lateTexts: ReadonlySet<string>;
  readonly contents: readonly { readonly genuine: Genuine; readonly authenticated: AuthenticatedContent }[];
  /** Decoded messages of every kind, to take parts from. */
  readonly donors: readonly unknown[];
  readonly allBytes: readonly Uint8Array[];
  readonly bobBefore: string;
}

/** One execution. Its seed says everything about it. */
export interface Run {
  readonly seed: string;
  readonly prepared: Prepared;
  readonly dice: Dice;
  /** What was given to the engine, for the report. */
  input: Uint8Array | undefined;
}

export type Outcome =
  | { readonly result: "refused"; readonly code: string }
  | { readonly result: "taken" }
  /** The change made something that no bytes can say. */
  | { readonly result: "unsaid" };

export async function prepare(seed: string, suites: readonly number[]): Promise<Prepared> {
  const world = await createWorld(seed, suites);
  const deps = fuzzDeps(`${seed}/prepare`);
  const contents: { genuine: Genuine; authenticated: AuthenticatedContent }[] = [];
  for (const genuine of [...world.genuine, world.seen]) {
    const authenticated = await contentOfMessage(world.mallory, genuine.bytes);
    if (authenticated !== undefined) contents.push({ genuine, authenticated });
  }
  const lateTexts = new Set<string>();
  for (const { bytes } of world.late) lateTexts.add(bytesToHex((await openLate(world.past, bytes)).data));
  const allBytes = [
    ...world.genuine.map(({ bytes }) => bytes),
    ...world.strangers,
    world.joiner.welcome,
    world.groupInfo,
    ...world.keyPackages,
    ...contents.map(({ authenticated }) => encode(mlsMessageCodec, publicForm(authenticated))),
  ];
  return {
    world,
    meanings: await genuineMeanings(world, deps),
    lateTexts,
    contents,
    donors: allBytes.map((bytes) => decode(mlsMessageCodec, bytes)),
    allBytes,
    bobBefore: fingerprint(world.bob),
  };
}

/** As donor only: what a private message says, with no tag that anybody would take. */
function publicForm({ content, auth }: AuthenticatedContent) {
  const membershipTag = content.sender.kind === "member" ? new Uint8Array(32) : undefined;
  return { kind: "publicMessage" as const, publicMessage: { content, auth, membershipTag } };
}
