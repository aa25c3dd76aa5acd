import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { decode } from "../codec/codec.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { openPrivate } from "../framing/private-message.ts";
import { encodeGroupContext } from "../group-context.ts";
import {
  deriveEpochSecrets,
  deriveJoinerSecret,
  deriveWelcomeSecret,
  zeroSecret,
} from "../schedule/key-schedule.ts";
import { findReceiveKey } from "../schedule/secret-tree.ts";
import { found, groupOf, join, nextOf, packageOf, person, takeCommit, testDeps } from "../testing/people.ts";
import { everythingIn } from "../testing/search-bytes.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import { exportGroupInfo } from "./export-group-info.ts";
import type { GroupState } from "./group-state.ts";
import { heldSecrets, secretsIn } from "./held-secrets.ts";
import { joinByExternalCommit } from "./join-by-external-commit.ts";
import { dropExpiredKeys } from "./limits.ts";
import { openLate, type PastEpoch, retireEpoch } from "./past-epoch.ts";
import { diffPastEpoch } from "./past-epoch-records.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup } from "./records.ts";
import { safeExportSecret } from "./safe-exporter.ts";
import { createApplicationMessage, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";
import type { StagedCommit } from "./staged-commit.ts";

const deps = testDeps("forward secrecy");

/** All secrets that one member has ever held; whatever it holds no longer must be nowhere. */
class Ledger {
  readonly #ever = new Map<string, string>();
  #held: string[] = [];

  /** Of secrets that were never part of a state, such as the key of the message at hand. */
  burn(name: string, secret: Uint8Array): void {
    this.#ever.set(bytesToHex(secret), name);
  }

  /**
   * Notes what a state holds after an operation and says by name what came and went. `returned` is everything that the
   * operation gave back: in it and in the state's records, nothing may be found that isn't held.
   */
  note(
    operation: string,
    states: readonly (GroupState | PastEpoch)[],
    ...returned: unknown[]
  ): { gone: string[]; came: string[] } {
    const held = new Map<string, Uint8Array>();
    states.forEach((state, i) => {
      for (const [name, secret] of secretsIn(state)) held.set(i === 0 ? name : `${i}:${name}`, secret);
    });
    const values = new Map([...held].map(([name, secret]) => [bytesToHex(secret), name]));
    const all = everythingIn(states, returned, states.map(recordsOf));
    for (const [secret, name] of this.#ever) {
      if (values.has(secret)) continue;
      if (all.includes(secret)) throw new Error(`after ${operation}, ${name} can still be found`);
    }
    for (const [secret, name] of values) this.#ever.set(secret, name);
    const before = this.#held;
    this.#held = [...held.keys()];
    return {
      gone: before.filter((name) => !held.has(name)),
      came: this.#held.filter((name) => !before.includes(name)),
    };
  }

  get size(): number {
    return this.#ever.size;
  }
}

function recordsOf(state: GroupState | PastEpoch): Uint8Array[] {
  const { put } = "secrets" in state ? diffGroup(undefined, state) : diffPastEpoch(undefined, state);
  return put.map(([, value]) => value);
}

/** The secrets between two epochs, which belong to no state: worked out beside the engine, from the commit's root. */
function burnBetween(ledger: Ledger, before: GroupState, staged: StagedCommit): void {
  const { suite } = before;
  const { next, rootPathSecret } = staged;
  if (next === undefined) throw new Error("no next epoch");
  const commitSecret =
    rootPathSecret === undefined ? zeroSecret(suite) : suite.deriveSecret(rootPathSecret, "path");
  const context = encodeGroupContext(next.context);
  const joiner = deriveJoinerSecret(suite, before.secrets.initSecret, commitSecret, context);
  const zero = zeroSecret(suite);
  const secrets = deriveEpochSecrets(suite, joiner, zero, context);
  expect(secrets.initSecret).toEqual(next.secrets.initSecret); // or what is burnt here is not what was used
  if (rootPathSecret !== undefined) ledger.burn("commit secret", commitSecret);
  ledger.burn("joiner secret", joiner);
  ledger.burn("welcome secret", deriveWelcomeSecret(suite, joiner, zero));
  ledger.burn("intermediate secret", suite.extract(joiner, zero));
  ledger.burn("epoch secret", suite.expandWithLabel(suite.extract(joiner, zero), "epoch", context, 32));
}

/** The key and nonce that a message of `leaf` takes. */
function burnMessageKey(
  ledger: Ledger,
  state: GroupState,
  leaf: number,
  type: "application" | "handshake",
  at: number,
): void {
  const { key } = findReceiveKey(state.suite, state.secretTree, leaf, type, at);
  ledger.burn(`message key ${leaf}/${type}/${at}`, key.key);
  ledger.burn(`message nonce ${leaf}/${type}/${at}`, key.nonce);
}

async function say(from: GroupState, text: string): Promise<{ state: GroupState; message: Uint8Array }> {
  return createApplicationMessage(from, utf8ToBytes(text), {}, deps);
}

const EPOCH = [
  "confirmationKey",
  "epochAuthenticator",
  "exporterSecret",
  "externalSecret",
  "initSecret",
  "membershipKey",
  "resumptionPsk",
  "senderDataSecret",
].map((name) => `epoch/${name}`);

describe("the secrets of a member through a whole life", () => {
  test("[GROUP-10] are named after every operation; what was consumed is in no returned value and no record", async () => {
    const ledger = new Ledger();
    const aliceP = await person("alice", deps.random);
    const bobP = await person("bob", deps.random);
    const bobPackage = await packageOf(bobP, deps.random);
    const aliceLedger = new Ledger();

    const first = await found(aliceP, deps);
    expect(heldSecrets(first).sort()).toEqual([...EPOCH, "exporter/16/0", "node/0", "private-key/0"].sort());
    aliceLedger.note("founding", [first], first);

    // Alice adds Bob: her state keeps its epoch, and the staged one is of the next.
    const adding = await stageCommit(first, { add: [bobPackage.keyPackage] }, deps);
    burnMessageKey(aliceLedger, first, 0, "handshake", 0);
    burnBetween(aliceLedger, first, adding.staged);
    expect(aliceLedger.note("staging", [adding.state], adding.state)).toEqual({
      gone: ["node/0"],
      came: ["ratchet/0/handshake/1", "ratchet/0/application/0"],
    });
    let alice = nextOf(adding.staged);
    // With the staged commit the application gets its root path secret, to keep or not: everything else is searched.
    aliceLedger.note("merging", [alice], { ...adding.staged, rootPathSecret: undefined });

    const { welcome } = adding.staged;
    if (welcome === undefined) throw new Error("no welcome");
    const { initPrivateKey } = bobPackage;
    ledger.burn("init private key", initPrivateKey);
    burnBetween(ledger, first, adding.staged);
    let bob = await join(bobP, bobPackage, welcome, deps);
    ledger.note("joining", [bob], bob);
    expect(heldSecrets(bob).sort()).toEqual(
      [...EPOCH, "exporter/16/0", "node/1", "private-key/1", "private-key/2"].sort(),
    );

    // Receiving, in order and not.
    const messages: Uint8Array[] = [];
    for (const text of ["one", "two", "three", "four"]) {
      const sent = await say(alice, text);
      burnMessageKey(aliceLedger, alice, 0, "application", messages.length);
      aliceLedger.note("sending", [sent.state], sent);
      alice = sent.state;
      messages.push(sent.message);
    }
    const read = async (index: number, now: number) => {
      const message = messages[index];
      if (message === undefined) throw new Error("no such message");
      burnMessageKey(ledger, bob, 0, "application", index);
      const opened = await processMessage(bob, message, deps, { now });
      bob = opened.state;
      return ledger.note(`reading ${index}`, [bob], opened);
    };
    expect(await read(0, 1_000)).toEqual({
      gone: ["node/1"],
      came: ["ratchet/0/handshake/0", "ratchet/0/application/1", "node/2"],
    });
    expect(await read(3, 2_000)).toEqual({
      gone: ["ratchet/0/application/1"],
      came: [
        "ratchet/0/application/4",
        ...[1, 2].flatMap((n) => [`key/0/application/${n}`, `nonce/0/application/${n}`]),
      ],
    });
    expect(await read(1, 3_000)).toEqual({
      gone: ["key/0/application/1", "nonce/0/application/1"],
      came: [],
    });
    const later = 2_000 + 24 * 60 * 60 * 1000 + 1;
    bob = dropExpiredKeys(bob, later);
    expect(ledger.note("a day", [bob], bob)).toEqual({
      gone: ["key/0/application/2", "nonce/0/application/2"],
      came: [],
    });

    // Sending, an exported secret, an own Update.
    burnMessageKey(ledger, bob, 1, "application", 0);
    const sent = await say(bob, "from bob");
    bob = sent.state;
    expect(ledger.note("sending", [bob], sent)).toEqual({
      gone: ["node/2"],
      came: ["ratchet/1/handshake/0", "ratchet/1/application/1"],
    });
    const exported = safeExportSecret(bob, 7);
    bob = exported.state;
    ledger.burn("exported secret", exported.secret);
    expect(ledger.note("exporting", [bob], bob).gone).toEqual(["exporter/16/0"]);

    burnMessageKey(ledger, bob, 1, "handshake", 0);
    const update = await proposeUpdate(bob, {}, {}, deps);
    bob = update.state;
    const proposed = ledger.note("proposing", [bob], update);
    expect(proposed.gone).toEqual(["ratchet/1/handshake/0"]);
    expect(proposed.came).toEqual([`proposal/${bytesToHex(update.ref)}`, "ratchet/1/handshake/1"]);

    // A commit that is dropped leaves a spent generation behind and nothing else.
    burnMessageKey(ledger, bob, 1, "handshake", 1);
    const dropped = await stageCommit(bob, {}, deps);
    burnBetween(ledger, bob, dropped.staged);
    for (const [name, secret] of secretsIn(nextOf(dropped.staged))) ledger.burn(`dropped ${name}`, secret);
    if (dropped.staged.rootPathSecret) ledger.burn("dropped root", dropped.staged.rootPathSecret);
    bob = dropped.state;
    expect(ledger.note("dropping a commit", [bob], bob)).toEqual({
      gone: ["ratchet/1/handshake/1"],
      came: ["ratchet/1/handshake/2"],
    });

    // Alice commits Bob's Update; the old epoch is retired.
    const heard = await processMessage(alice, update.message, deps);
    const commit = await stageCommit(heard.state, {}, deps);
    burnMessageKey(ledger, bob, 0, "handshake", 0);
    const taken = await processMessage(bob, commit.staged.message, deps);
    if (taken.kind !== "commit") throw new Error("not a commit");
    burnBetween(ledger, bob, taken.staged);
    const rootPathSecret = taken.staged.rootPathSecret ?? new Uint8Array(32);
    const next = nextOf(taken.staged);
    expect(next.privateKeys.get(2)).toEqual(
      [...secretsIn(bob)].find(([name]) => name.startsWith("proposal/"))?.[1],
    );
    let past = retireEpoch(taken.state, next);
    // The returned state is what stays if the commit isn't taken; the staged one is what stays if it is.
    ledger.note("taking a commit", [next, past], { ...taken.staged, rootPathSecret: undefined });
    ledger.burn("root path secret", rootPathSecret);
    // The own leaf is 1: what has begun of it is gone, as are all ratchets of handshakes.
    expect(heldSecrets(past)).toContain("ratchet/0/application/4");
    expect(
      heldSecrets(past).filter(
        (name) =>
          !/^(epoch\/senderDataSecret|node\/\d+|(ratchet|key|nonce)\/(?!1\/)\d+\/application\/\d+)$/.test(
            name,
          ),
      ),
    ).toEqual([]);
    expect(heldSecrets(taken.state)).toEqual(
      expect.arrayContaining(["ratchet/0/handshake/1", "ratchet/1/handshake/2", "ratchet/1/application/1"]),
    );

    // A late message, and the end of the past epoch.
    const late = await say(heard.state, "late");
    burnMessageKey(ledger, { ...bob, secretTree: past.secretTree }, 0, "application", 4);
    const opened = await openLate(past, late.message);
    past = opened.past;
    expect(ledger.note("reading a late message", [next, past], opened).gone).toEqual([
      "1:ratchet/0/application/4",
    ]);
    const left = ledger.note("erasing a past epoch", [next], next);
    expect(left.gone.every((name) => name.startsWith("1:"))).toBe(true);
    bob = next;

    // Removed: there is no next epoch, and nothing of one.
    const removing = await stageCommit(nextOf(commit.staged), { remove: [1] }, deps);
    for (const [name, secret] of secretsIn(nextOf(removing.staged)))
      ledger.burn(`without bob ${name}`, secret);
    burnMessageKey(ledger, bob, 0, "handshake", 0);
    const out = await processMessage(bob, removing.staged.message, deps);
    if (out.kind !== "commit") throw new Error("not a commit");
    expect(out.staged).toMatchObject({ next: undefined, rootPathSecret: undefined });
    ledger.note("being removed", [retireEpoch(out.state, undefined)], out.staged);
    expect(ledger.size).toBeGreaterThan(60);
  });

  test("[GROUP-10] of a past epoch are for texts only, also of a leaf that begins with a late one", async () => {
    const [alice, bob] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
    const late = await say(alice, "late");
    const { staged } = await stageCommit(late.state, {}, deps);
    const taken = await processMessage(bob, staged.message, deps);
    if (taken.kind !== "commit") throw new Error("not a commit");
    const next = nextOf(taken.staged);
    // The commit has begun alice's leaf at bob; at a third who took it from elsewhere it hasn't.
    for (const state of [taken.state, { ...taken.state, secretTree: bob.secretTree }]) {
      const { past } = await openLate(retireEpoch(state, next), late.message);
      expect(heldSecrets(past)).toContain("ratchet/0/application/1");
      expect(heldSecrets(past).filter((name) => name.includes("handshake"))).toEqual([]);
      expect(
        diffPastEpoch(past, (await openLate(retireEpoch(state, next), late.message)).past).delete,
      ).toEqual([]);
    }
  });

  test("[GROUP-10] by an external commit are those of the new epoch alone", async () => {
    const open = testDeps("open");
    const outside = { ...open, external: { allowCommit: () => Promise.resolve(true) } };
    const [alice] = await groupOf(["alice", "bob"], outside);
    if (alice === undefined) throw new Error("nobody");
    const carolP = await person("carol", outside.random);
    const joined = await joinByExternalCommit({
      groupInfo: await exportGroupInfo(alice),
      credential: carolP.credential,
      signatureKey: carolP.signatureKey,
      capabilities: ownCapabilities(alice),
      deps: outside,
    });
    const taken = await takeCommit(alice, joined.message, outside);
    const aliceLedger = new Ledger();
    aliceLedger.note("before", [alice], alice);
    aliceLedger.note("after", [nextOf(taken)], { ...taken, rootPathSecret: undefined });
    const names = heldSecrets(nextOf(joined));
    expect(names.filter((name) => name.startsWith("private-key/")).sort()).toEqual([
      "private-key/3",
      "private-key/4",
    ]);
    // What opened the door, the external init secret, is the one before's: nothing that Carol got tells of it.
    const carolLedger = new Ledger();
    for (const [name, secret] of secretsIn(alice)) carolLedger.burn(`epoch before: ${name}`, secret);
    carolLedger.note("joining", [nextOf(joined)], { ...joined, rootPathSecret: undefined });
  });

  test("[GROUP-11] two commits from one epoch take two generations, also when the first was dropped", async () => {
    const [alice, bob] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
    const first = await stageCommit(alice, {}, deps);
    const second = await stageCommit(first.state, {}, deps);
    const third = await stageCommit(second.state, { remove: [1] }, deps);
    const generations: number[] = [];
    for (const { staged } of [first, second, third])
      generations.push(await generationOf(bob, staged.message));
    expect(generations).toEqual([0, 1, 2]);
    // Whoever reads one and then another needs both keys: none was used twice.
    let reader = bob;
    for (const { staged } of [third, first, second]) {
      const read = await processMessage(reader, staged.message, deps);
      reader = read.state;
    }
    expect(heldSecrets(reader)).toContain("ratchet/0/handshake/3");
  });

  test("[GROUP-11] two commits or two texts from one and the same value take two generations, also at the same time", async () => {
    const [alice, bob] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
    const commits = [await stageCommit(alice, {}, deps), await stageCommit(alice, { remove: [1] }, deps)];
    const texts = await Promise.all(
      [1, 2, 3].map((text) => createApplicationMessage(alice, Uint8Array.of(text), {}, deps)),
    );
    // What goes on from an older value doesn't come back to a key that a newer one took.
    const later = await createApplicationMessage(texts[0]?.state ?? alice, Uint8Array.of(4), {}, deps);
    const messages = [...commits.map(({ staged }) => staged), ...texts, later].map(({ message }) => message);
    const generations = await Promise.all(messages.map((message) => generationOf(bob, message)));
    expect(generations.slice(0, 2)).toEqual([0, 1]);
    expect(generations.slice(2).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    let reader = bob;
    for (const message of messages.toReversed()) reader = (await processMessage(reader, message, deps)).state;
    expect(heldSecrets(reader).filter((name) => name.startsWith("key/"))).toEqual([]);
  });
});

function ownCapabilities(state: GroupState) {
  const leaf = leafAt(state.tree, state.ownLeaf);
  if (leaf === undefined) throw new Error("no own leaf");
  return leaf.capabilities;
}

async function generationOf(state: GroupState, message: Uint8Array): Promise<number> {
  const decoded = decode(mlsMessageCodec, message);
  if (decoded.kind !== "privateMessage") throw new Error("not private");
  const { context, encodedContext: groupContext, secrets, secretTree } = state;
  const { groupId, epoch } = context;
  const opened = await openPrivate(
    state.suite,
    decoded.privateMessage,
    { groupId, epoch, groupContext, senderDataSecret: secrets.senderDataSecret, secretTree },
    { ownLeaf: state.ownLeaf, signatureKeyOf: (leaf) => leafAt(state.tree, leaf)?.signatureKey },
  );
  return opened.generation;
}
