import { decode } from "../codec/codec.ts";
import type { ProposalOrRef } from "../commit.ts";
import { type AuthenticatedContent, mlsMessageCodec } from "../framing/message.ts";
import { processMessage, type ProcessedMessage } from "../group/process-message.ts";
import type { Proposal } from "../proposal.ts";
import { forgeCommit, forgeProposal } from "../testing/forge.ts";
import type { Dice } from "./dice.ts";
import { encodeMutant, mutateBytes, mutateValue } from "./mutate.ts";
import { attempt, checkAccepted, Finding, meaningOf } from "./oracle.ts";
import { sealPrivate, sealPublic, signAnew } from "./reseal.ts";
import type { Outcome, Prepared, Run } from "./prepare.ts";
import { fingerprint, fuzzDeps } from "./world.ts";

/** Something for Bob to read: bytes changed on the way, or made by Mallory with all the keys of a member. */
export async function fuzzMessage(run: Run): Promise<Outcome> {
  const { prepared, dice, seed } = run;
  const { world, meanings, bobBefore } = prepared;
  const bytes = await forge(run);
  if (bytes === undefined) return { result: "unsaid" };
  run.input = bytes;
  const deps = fuzzDeps(`${seed}/process`);
  const taken = await attempt(() => processMessage(world.bob, bytes, deps, { allowPublic: true }));
  if (typeof taken !== "string") {
    await checkAccepted(world, meanings, taken);
    await checkNext(run, taken);
  }
  if (fingerprint(world.bob) !== bobBefore) throw new Finding("the state that was given has changed");
  // Whatever was refused, or worked out and not kept: what was really sent still opens.
  const genuine = dice.pick(world.genuine);
  const read = await attempt(() => processMessage(world.bob, genuine.bytes, deps, { allowPublic: true }));
  if (typeof read === "string") throw new Finding(`a genuine ${genuine.what} is refused afterwards: ${read}`);
  if (!meanings.has(meaningOf(read))) throw new Finding("a genuine message means something else afterwards");
  return typeof taken === "string" ? { result: "refused", code: taken } : { result: "taken" };
}

/** Who took a message of Mallory's can still read everybody else's. */
async function checkNext({ prepared, dice, seed }: Run, taken: ProcessedMessage): Promise<void> {
  const { world, meanings } = prepared;
  const byMallory =
    taken.kind === "application"
      ? taken.sender === world.malloryLeaf
      : taken.sender.kind === "member" && taken.sender.leafIndex === world.malloryLeaf;
  if (!byMallory) return;
  const genuine = dice.pick(world.genuine);
  const deps = fuzzDeps(`${seed}/next`);
  const read = await attempt(() => processMessage(taken.state, genuine.bytes, deps, { allowPublic: true }));
  if (typeof read === "string")
    throw new Finding(`Mallory's message makes a ${genuine.what} unreadable: ${read}`);
  if (!meanings.has(meaningOf(read))) throw new Finding("Mallory's message changes what another says");
}

async function forge(run: Run): Promise<Uint8Array | undefined> {
  const { prepared, dice } = run;
  const { world, donors, allBytes } = prepared;
  switch (dice.below(8)) {
    case 0:
      return mutateBytes(dice.pick(world.genuine).bytes, allBytes, dice);
    case 1: {
      const message = decode(mlsMessageCodec, dice.pick(world.genuine).bytes);
      return encodeMutant(mlsMessageCodec, mutateValue(message, donors, dice));
    }
    case 2:
      return dice.oneIn(2) ? dice.pick([...allBytes, world.seen.bytes]) : sealAgain(run);
    case 3:
      return forgeWholeCommit(run);
    case 4: {
      const proposal = proposalOf(prepared, dice);
      return withoutCrash(() => forgeProposal(world.mallory, proposal, fuzzDeps(`${run.seed}/forge`)));
    }
    default:
      return sealAnew(run);
  }
}

/** Signed content of anybody, changed or not, signed anew by Mallory or not, under any member's keys. */
async function sealAnew({ prepared, dice }: Run): Promise<Uint8Array | undefined> {
  const { world, contents, donors } = prepared;
  const { mallory, malloryLeaf } = world;
  let { authenticated } = dice.pick(contents);
  if (!dice.oneIn(3)) authenticated = mutateValue(authenticated, donors, dice);
  if (dice.oneIn(2)) {
    const content = { ...authenticated.content, sender: { kind: "member" as const, leafIndex: malloryLeaf } };
    authenticated = { ...authenticated, content };
  }
  const wireFormat = dice.pick(["publicMessage", "privateMessage"] as const);
  const asked: AuthenticatedContent = { ...authenticated, wireFormat };
  return withoutCrash(async () => {
    const signed = dice.oneIn(2) ? await signAnew(mallory, asked) : asked;
    if (wireFormat === "publicMessage") return sealPublic(mallory, signed);
    const { sender } = signed.content;
    const leaf = sender.kind === "member" ? sender.leafIndex : dice.below(6);
    const keyLeaf = dice.oneIn(8) ? dice.below(4) : leaf;
    const generation = dice.pick([0, 1, 2, 3, 4, 64, 1000, 1500]);
    const plaintext = (honest: Uint8Array): Uint8Array =>
      dice.oneIn(4) ? mutateBytes(honest, prepared.allBytes, dice) : honest;
    return sealPrivate(mallory, signed, { leaf, keyLeaf, generation }, plaintext, dice);
  });
}

/** Somebody's own signed words, untouched, under a later key of theirs. */
async function sealAgain({ prepared, dice }: Run): Promise<Uint8Array | undefined> {
  const { mallory } = prepared.world;
  const signedPrivate = prepared.contents.filter(
    ({ authenticated }) => authenticated.wireFormat === "privateMessage",
  );
  const { authenticated } = dice.oneIn(2)
    ? (signedPrivate.at(-1) ?? dice.pick(signedPrivate))
    : dice.pick(signedPrivate);
  const { sender } = authenticated.content;
  const leaf = sender.kind === "member" ? sender.leafIndex : 0;
  const at = { leaf, keyLeaf: leaf, generation: dice.below(12) };
  return withoutCrash(() => sealPrivate(mallory, authenticated, at, (honest) => honest, dice));
}

/** A commit of Mallory's that is consistent to its confirmation tag, but for what was changed in it. */
async function forgeWholeCommit({ prepared, dice, seed }: Run): Promise<Uint8Array | undefined> {
  const { world, donors } = prepared;
  const proposals: ProposalOrRef[] = Array.from({ length: dice.below(4) }, () => ({
    kind: "proposal",
    proposal: proposalOf(prepared, dice),
  }));
  const changesPath = dice.oneIn(2);
  const changesLeaf = dice.oneIn(4);
  const withoutPath = dice.oneIn(6);
  return withoutCrash(() =>
    forgeCommit(
      world.mallory,
      {
        proposals,
        ...(withoutPath && { path: false as const }),
        ...(!withoutPath && changesPath && { path: (path) => mutateValue(path, donors, dice) }),
        ...(changesLeaf && { leaf: (leaf) => mutateValue(leaf, donors, dice) }),
      },
      fuzzDeps(`${seed}/forge`),
    ),
  );
}

function proposalOf({ contents, donors }: Prepared, dice: Dice): Proposal {
  const proposals = contents.flatMap(({ authenticated }): Proposal[] => {
    const { content } = authenticated.content;
    if (content.kind === "proposal") return [content.proposal];
    if (content.kind !== "commit") return [];
    return content.commit.proposals.flatMap((entry) => (entry.kind === "proposal" ? [entry.proposal] : []));
  });
  const proposal = dice.pick(proposals);
  return dice.oneIn(3) ? proposal : mutateValue(proposal, donors, dice);
}

/** What the forger itself can't make, because its own tools fall over it, isn't sent. */
async function withoutCrash(make: () => Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await make();
  } catch {
    return undefined;
  }
}
