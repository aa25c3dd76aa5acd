import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { encode } from "../codec/codec.ts";
import { loadCipherSuite } from "../crypto/cipher-suite.ts";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { EXTENSION_EXTERNAL_SENDERS, type Extension, externalSendersCodec } from "../extension.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import type { EngineDeps } from "../group/authentication.ts";
import { exportGroupInfo } from "../group/export-group-info.ts";
import { createExternalProposal, proposeSelf } from "../group/external-proposal.ts";
import type { GroupState } from "../group/group-state.ts";
import { joinByExternalCommit } from "../group/join-by-external-commit.ts";
import { type PastEpoch, retireEpoch } from "../group/past-epoch.ts";
import { processMessage } from "../group/process-message.ts";
import { diffGroup } from "../group/records.ts";
import {
  createApplicationMessage,
  createProposal,
  proposePsk,
  proposeUpdate,
} from "../group/send-message.ts";
import { type CommitIntent, stageCommit } from "../group/stage-commit.ts";
import {
  CAPABILITIES,
  found,
  join,
  nextOf,
  packageOf,
  type Person,
  person,
  takeCommit,
  trusting,
} from "../testing/people.ts";
import { seededRandom } from "../testing/seeded-random.ts";

/** A message that really was sent, and who can read it. */
export interface Genuine {
  readonly bytes: Uint8Array;
  /** Leaf index; undefined where it comes from outside the group. */
  readonly sender: number | undefined;
  readonly what: string;
}

/**
 * A group as the fuzzer meets it: Alice, Bob, Carol and Mallory, who has all that a member has. Bob is who reads. The
 * states are values, so that one world serves any number of executions.
 */
export interface World {
  readonly suite: number;
  readonly bob: GroupState;
  readonly alice: GroupState;
  readonly mallory: GroupState;
  /** Mallory's leaf index. */
  readonly malloryLeaf: number;
  /** Messages that Bob can read next, each by itself. */
  readonly genuine: readonly Genuine[];
  /** One that he has read already. */
  readonly seen: Genuine;
  /** Bob's epoch before this one, with late messages for it. */
  readonly past: PastEpoch;
  readonly late: readonly Genuine[];
  /** Who is invited but hasn't joined, and what they got. */
  readonly joiner: { readonly who: Person; readonly made: CreatedKeyPackage; readonly welcome: Uint8Array };
  /** The epoch that the Welcome opens, as its sender sees it. */
  readonly welcomed: GroupState;
  readonly groupInfo: Uint8Array;
  readonly keyPackages: readonly Uint8Array[];
  /** Another group's messages, and those of other epochs. */
  readonly strangers: readonly Uint8Array[];
}

const PSK_ID = utf8ToBytes("a shared key");

/** What the engine is given in the fuzzer: everything is allowed, so that nothing but its own rules refuses. */
export function fuzzDeps(seed: string): EngineDeps {
  return {
    random: seededRandom(seed),
    authentication: trusting,
    external: {
      allowCommit: () => Promise.resolve(true),
      allowProposal: () => Promise.resolve(true),
    },
    preSharedKey: (id) =>
      Promise.resolve(id.kind === "external" && id.pskId.length > 0 ? new Uint8Array(32).fill(5) : undefined),
  };
}

export async function createWorld(seed: string, suites: readonly number[]): Promise<World> {
  const deps = fuzzDeps(`${seed}/world`);
  const suite = suites[(sha256(utf8ToBytes(seed))[0] ?? 0) % suites.length] ?? 1;
  await loadCipherSuite(suite);
  const capabilities = { ...CAPABILITIES, cipherSuites: [suite] };
  const { random } = deps;
  const names = ["alice", "bob", "carol", "mallory", "erin", "frank"];
  const people: Person[] = [];
  for (const name of names) people.push(await person(name, random, suite));
  const [aliceP, bobP, carolP, malloryP, erinP, frankP] = people;
  if (!aliceP || !bobP || !carolP || !malloryP || !erinP || !frankP) throw new Error("somebody is missing");
  const outside = await person("outside", random, suite);
  const senders = encode(externalSendersCodec, [
    { signatureKey: outside.signatureKey.publicKey, credential: outside.credential },
  ]);
  const contextExtensions: Extension[] = [{ type: EXTENSION_EXTERNAL_SENDERS, data: senders }];

  const packages = new Map<string, CreatedKeyPackage>();
  for (const who of people) packages.set(who.name, await packageOf(who, random, { suite, capabilities }));
  const packageFor = (who: Person): CreatedKeyPackage => {
    const made = packages.get(who.name);
    if (made === undefined) throw new Error("no key package");
    return made;
  };
  const first = await found(aliceP, deps, { suite, capabilities, contextExtensions });
  const add = [bobP, carolP, malloryP].map((who) => packageFor(who).keyPackage);
  const begun = await stageCommit(first, { add }, deps);
  const { welcome } = begun.staged;
  if (welcome === undefined) throw new Error("no welcome");
  let alice = nextOf(begun.staged);
  let bob = await join(bobP, packageFor(bobP), welcome, deps);
  let mallory = await join(malloryP, packageFor(malloryP), welcome, deps);
  const carol = await join(carolP, packageFor(carolP), welcome, deps);

  const late: Genuine[] = [];
  for (const text of ["late one", "late two", "late three"]) {
    const sent = await createApplicationMessage(alice, utf8ToBytes(text), {}, deps);
    alice = sent.state;
    late.push({ bytes: sent.message, sender: 0, what: "application" });
  }
  // A second epoch: Carol commits, so that the tree is half warm.
  const second = await stageCommit(carol, {}, deps);
  const past = retireEpoch(bob, nextOf(await takeCommit(bob, second.staged.message, deps)));
  alice = nextOf(await takeCommit(alice, second.staged.message, deps));
  bob = nextOf(await takeCommit(bob, second.staged.message, deps));
  mallory = nextOf(await takeCommit(mallory, second.staged.message, deps));

  // Bob has read something already, and skipped something; Mallory kept all keys.
  const read = await createApplicationMessage(alice, utf8ToBytes("skipped"), {}, deps);
  const again = await createApplicationMessage(read.state, utf8ToBytes("read"), {}, deps);
  bob = (await processMessage(bob, again.message, deps)).state;
  alice = again.state;

  const genuine: Genuine[] = [{ bytes: read.message, sender: 0, what: "application" }];
  const note = (what: string, bytes: Uint8Array, sender: number | undefined = 0): void => {
    genuine.push({ bytes, sender, what });
  };
  const aad = { authenticatedData: utf8ToBytes("aad") };
  note("application", (await createApplicationMessage(alice, utf8ToBytes("hello"), aad, deps)).message);
  const { keyPackage } = packageFor(erinP);
  for (const handshake of ["private", "public"] as const) {
    const options = { wireFormat: handshake === "public" ? "publicMessage" : "privateMessage" } as const;
    note("proposal", (await createProposal(alice, { kind: "add", keyPackage }, options, deps)).message);
    note("proposal", (await createProposal(alice, { kind: "remove", removed: 2 }, options, deps)).message);
    note("proposal", (await proposeUpdate(alice, {}, options, deps)).message);
    const reinit = { groupId: utf8ToBytes("another group"), cipherSuite: suite, extensions: [] };
    const closing = { kind: "reinit", version: 1, ...reinit } as const;
    note("proposal", (await createProposal(alice, closing, options, deps)).message);
    const psk = { kind: "external", pskId: PSK_ID } as const;
    note("proposal", (await proposePsk(alice, psk, options, deps)).message);
    const intents: CommitIntent[] = [
      {},
      { add: [keyPackage] },
      { add: [keyPackage], path: "whenRequired" },
      { remove: [2] },
      { remove: [2], add: [keyPackage] },
      { psks: [psk] },
      { contextExtensions: [] },
      { reinit },
    ];
    for (const intent of intents) {
      note("commit", (await stageCommit(alice, { ...intent, ...options }, deps)).staged.message);
    }
  }
  const place = { groupId: alice.context.groupId, epoch: alice.context.epoch };
  const external = await createExternalProposal({
    ...place,
    suite,
    senderIndex: 0,
    signatureKey: outside.signatureKey.privateKey,
    proposal: { kind: "remove", removed: 2 },
  });
  note("proposal", external.message, undefined);
  const self = await proposeSelf({
    ...place,
    keyPackage: packageFor(frankP).keyPackage,
    signatureKey: frankP.signatureKey,
  });
  note("proposal", self.message, undefined);
  const groupInfo = await exportGroupInfo(alice);
  const outsider = await joinByExternalCommit({
    groupInfo,
    credential: frankP.credential,
    signatureKey: frankP.signatureKey,
    capabilities,
    deps,
  });
  note("commit", outsider.message, undefined);

  const welcoming = await stageCommit(alice, { add: [keyPackage] }, deps);
  if (welcoming.staged.welcome === undefined) throw new Error("no welcome");
  return {
    suite,
    alice,
    bob,
    mallory,
    malloryLeaf: 3,
    genuine,
    seen: { bytes: again.message, sender: 0, what: "application" },
    past,
    late,
    joiner: { who: erinP, made: packageFor(erinP), welcome: welcoming.staged.welcome },
    welcomed: nextOf(welcoming.staged),
    groupInfo,
    keyPackages: [...packages.values()].map(({ keyPackage: made }) =>
      encode(mlsMessageCodec, { kind: "keyPackage", keyPackage: made }),
    ),
    strangers: [second.staged.message, ...late.map(({ bytes }) => bytes), welcome],
  };
}

/** A digest of all that a state holds, as its records say it. */
export function fingerprint(state: GroupState): string {
  const hash = sha256.create();
  for (const [key, value] of diffGroup(undefined, state).put) {
    hash.update(concatBytes(utf8ToBytes(`${key} ${value.length} `), value));
  }
  return bytesToHex(hash.digest());
}
