import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { encode } from "../codec/codec.ts";
import { loadCipherSuite } from "../crypto/cipher-suite.ts";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { EXTENSION_EXTERNAL_SENDERS, type Extension, externalSendersCodec } from "../extension.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import type { KeyPackage } from "../key-package.ts";
import type { Capabilities } from "../leaf-node.ts";
import type { Proposal } from "../proposal.ts";
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
import type { CommitIntent } from "../group/commit-intent.ts";
import { stageCommit } from "../group/stage-commit.ts";
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
import { commonName, forgeCertificate } from "../testing/forge-certificate.ts";
import { seededRandom } from "../testing/seeded-random.ts";

/** A message that really was sent, and who can read it. */
export interface Genuine {
  readonly bytes: Uint8Array;
  /** Leaf index; undefined where it comes from outside the group. */
  readonly sender: number | undefined;
  readonly what: string;
}

/**
 * A group as the fuzzer meets it: Alice, Bob, Carol and Mallory, who has all that a member has. Bob is who reads.
 * Mallory, Erin, who is invited, and the external sender have certificates. The states are values, so that one world
 * serves any number of executions.
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
  /** Messages of other epochs, and of another group of the same people. */
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
  const cast = await createCast(suite, deps);
  const begun = await beginGroup(cast, deps);

  // Bob has read something already, and skipped something; Mallory kept all keys.
  const skipped = await createApplicationMessage(begun.alice, utf8ToBytes("skipped"), {}, deps);
  const read = await createApplicationMessage(skipped.state, utf8ToBytes("read"), {}, deps);
  const bob = (await processMessage(begun.bob, read.message, deps)).state;
  const alice = read.state;

  const aad = { authenticatedData: utf8ToBytes("aad") };
  const hello = await createApplicationMessage(alice, utf8ToBytes("hello"), aad, deps);
  const { keyPackage } = cast.packages.erin;
  const handshakes = await handshakesOf(alice, keyPackage, deps);
  const outside = await fromOutside(alice, cast, deps);
  const { staged } = await stageCommit(alice, { add: [keyPackage] }, deps);
  if (staged.welcome === undefined) throw new Error("no welcome");
  return {
    suite,
    alice,
    bob,
    mallory: begun.mallory,
    malloryLeaf: 3,
    genuine: [
      { bytes: skipped.message, sender: 0, what: "application" },
      { bytes: hello.message, sender: 0, what: "application" },
      ...handshakes,
      ...outside.messages,
    ],
    seen: { bytes: read.message, sender: 0, what: "application" },
    past: begun.past,
    late: begun.late,
    joiner: { who: cast.people.erin, made: cast.packages.erin, welcome: staged.welcome },
    welcomed: nextOf(staged),
    groupInfo: outside.groupInfo,
    keyPackages: NAMES.map((name) =>
      encode(mlsMessageCodec, { kind: "keyPackage", keyPackage: cast.packages[name].keyPackage }),
    ),
    strangers: [...begun.strangers, ...(await ofAnotherGroup(cast, deps))],
  };
}

const NAMES = ["alice", "bob", "carol", "mallory", "erin", "frank"] as const;
type Name = (typeof NAMES)[number];

interface Cast {
  readonly suite: number;
  readonly capabilities: Capabilities;
  readonly people: Readonly<Record<Name, Person>>;
  readonly packages: Readonly<Record<Name, CreatedKeyPackage>>;
  /** The group's external sender. */
  readonly service: Person;
}

/** What everybody in a world can do. */
export function capabilitiesFor(suite: number): Capabilities {
  return { ...CAPABILITIES, cipherSuites: [suite], credentials: [1, 2] };
}

async function createCast(suite: number, { random }: EngineDeps): Promise<Cast> {
  const capabilities = capabilitiesFor(suite);
  const forEach = async <T>(make: (name: Name) => Promise<T>): Promise<Record<Name, T>> => ({
    alice: await make("alice"),
    bob: await make("bob"),
    carol: await make("carol"),
    mallory: await make("mallory"),
    erin: await make("erin"),
    frank: await make("frank"),
  });
  const people = await forEach(async (name) => {
    const made = await person(name, random, suite);
    return name === "mallory" || name === "erin" ? certified(made, suite) : made;
  });
  const service = certified(await person("outside", random, suite), suite);
  const packages = await forEach((name) => packageOf(people[name], random, { suite, capabilities }));
  return { suite, capabilities, people, packages, service };
}

/** The same with a chain of two certificates: one for the own key, and one of who certified it. */
function certified(who: Person, suite: number): Person {
  const { publicKey } = who.signatureKey;
  const [subject, issuer, root] = [commonName(who.name), commonName("authority"), commonName("root")];
  const extensions = "30090603551d2304023000"; // an authorityKeyIdentifier that is empty
  const certificates = [
    forgeCertificate({ publicKey, suite, subject, issuer, extensions }),
    forgeCertificate({ publicKey: new Uint8Array(32), subject: issuer, issuer: root }),
  ];
  return { ...who, credential: { kind: "x509", certificates } };
}

/** Two epochs: Alice adds Bob, Carol and Mallory, and Carol commits, so that the tree is half warm. */
async function beginGroup({ suite, capabilities, people, packages, service }: Cast, deps: EngineDeps) {
  const senders = encode(externalSendersCodec, [
    { signatureKey: service.signatureKey.publicKey, credential: service.credential },
  ]);
  const contextExtensions: Extension[] = [{ type: EXTENSION_EXTERNAL_SENDERS, data: senders }];
  const first = await found(people.alice, deps, { suite, capabilities, contextExtensions });
  const add = [packages.bob, packages.carol, packages.mallory].map(({ keyPackage }) => keyPackage);
  const { staged } = await stageCommit(first, { add }, deps);
  const { welcome } = staged;
  if (welcome === undefined) throw new Error("no welcome");
  let alice = nextOf(staged);
  const bob = await join(people.bob, packages.bob, welcome, deps);
  const mallory = await join(people.mallory, packages.mallory, welcome, deps);
  const carol = await join(people.carol, packages.carol, welcome, deps);

  const late: Genuine[] = [];
  for (const text of ["late one", "late two", "late three"]) {
    const sent = await createApplicationMessage(alice, utf8ToBytes(text), {}, deps);
    alice = sent.state;
    late.push({ bytes: sent.message, sender: 0, what: "application" });
  }
  const { message } = (await stageCommit(carol, {}, deps)).staged;
  const next = async (state: GroupState) => nextOf(await takeCommit(state, message, deps));
  const bobNext = await next(bob);
  return {
    alice: await next(alice),
    bob: bobNext,
    mallory: await next(mallory),
    past: retireEpoch(bob, bobNext),
    late,
    strangers: [message, ...late.map(({ bytes }) => bytes), welcome],
  };
}

/**
 * Messages of another group of the same people, with the same keys at the same leaves and in an epoch of the same
 * number. None is for Erin: a Welcome to it would be one that she takes.
 */
async function ofAnotherGroup({ suite, capabilities, people, packages }: Cast, deps: EngineDeps) {
  const first = await found(people.alice, deps, { suite, capabilities, groupId: "their other group" });
  const add = [packages.bob, packages.carol, packages.mallory].map(({ keyPackage }) => keyPackage);
  const { staged } = await stageCommit(first, { add }, deps);
  const { welcome } = staged;
  if (welcome === undefined) throw new Error("no welcome");
  const state = nextOf((await stageCommit(nextOf(staged), {}, deps)).staged);
  const messages = [welcome, (await createApplicationMessage(state, utf8ToBytes("hello"), {}, deps)).message];
  for (const wireFormat of ["privateMessage", "publicMessage"] as const) {
    const proposal: Proposal = { kind: "remove", removed: 2 };
    messages.push((await createProposal(state, proposal, { wireFormat }, deps)).message);
    messages.push((await stageCommit(state, { remove: [2], wireFormat }, deps)).staged.message);
  }
  return messages;
}

/** Alice's proposals and commits of every kind, in both framings; each from the same state. */
async function handshakesOf(alice: GroupState, keyPackage: KeyPackage, deps: EngineDeps): Promise<Genuine[]> {
  const messages: Genuine[] = [];
  const note = (what: string, bytes: Uint8Array) => messages.push({ bytes, sender: 0, what });
  const reinit = {
    groupId: utf8ToBytes("another group"),
    cipherSuite: alice.suite.id,
    extensions: [],
  };
  const psk = { kind: "external", pskId: PSK_ID } as const;
  const proposals: Proposal[] = [
    { kind: "add", keyPackage },
    { kind: "remove", removed: 2 },
    { kind: "reinit", version: 1, ...reinit },
  ];
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
  for (const wireFormat of ["privateMessage", "publicMessage"] as const) {
    const options = { wireFormat };
    for (const proposal of proposals) {
      note("proposal", (await createProposal(alice, proposal, options, deps)).message);
    }
    note("proposal", (await proposeUpdate(alice, {}, options, deps)).message);
    note("proposal", (await proposePsk(alice, psk, options, deps)).message);
    for (const intent of intents) {
      note("commit", (await stageCommit(alice, { ...intent, ...options }, deps)).staged.message);
    }
  }
  return messages;
}

/** What the service and Frank, who is no member, send to the group. */
async function fromOutside(
  alice: GroupState,
  { suite, capabilities, people, packages, service }: Cast,
  deps: EngineDeps,
) {
  const place = { groupId: alice.context.groupId, epoch: alice.context.epoch };
  const { signatureKey, credential } = people.frank;
  const external = await createExternalProposal({
    ...place,
    suite,
    senderIndex: 0,
    signatureKey: service.signatureKey.privateKey,
    proposal: { kind: "remove", removed: 2 },
  });
  const self = await proposeSelf({ ...place, keyPackage: packages.frank.keyPackage, signatureKey });
  const groupInfo = await exportGroupInfo(alice);
  const joining = await joinByExternalCommit({ groupInfo, credential, signatureKey, capabilities, deps });
  const messages: Genuine[] = [
    { bytes: external.message, sender: undefined, what: "proposal" },
    { bytes: self.message, sender: undefined, what: "proposal" },
    { bytes: joining.message, sender: undefined, what: "commit" },
  ];
  return { messages, groupInfo };
}

/** A digest of all that a state holds, as its records say it. */
export function fingerprint(state: GroupState): string {
  const hash = sha256.create();
  for (const [key, value] of diffGroup(undefined, state).put) {
    hash.update(concatBytes(utf8ToBytes(`${key} ${value.length} `), value));
  }
  return bytesToHex(hash.digest());
}
