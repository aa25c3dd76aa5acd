import {
  type AuthenticationPolicy,
  checkKeyPackage,
  cipherSuite,
  createApplicationMessage,
  type CreatedKeyPackage,
  createGroup,
  createKeyPackage,
  createProposal,
  type EngineDeps,
  epoch,
  exportSecret,
  type GroupState,
  joinGroup,
  members,
  mergeCommit,
  MlsError,
  openLate,
  parseHeader,
  pendingProposals,
  processMessage,
  proposeRemove,
  proposeUpdate,
  type SendOptions,
  stageCommit,
  type StagedCommit,
} from "@thicket/mls";
import {
  EXPORT_CONTEXT,
  EXPORT_LABEL,
  EXPORT_LENGTH,
  GROUP_ID,
  type Intent,
  type Invitation,
  type Participant,
  Refusal,
  type Wanted,
} from "./participant.ts";
import { DAMAGES, type Name, type Traits } from "./schedule.ts";
import { seededRandom } from "./seeded.ts";
import { type StoredGroup, storeGroup } from "./stored-group.ts";
import { nameOf, treeOf } from "./tree-bytes.ts";

const PAST_EPOCHS = 3;

export const THICKET_TRAITS: Traits = {
  proposes: ["add", "remove", "update"],
  commits: "any",
  takesPublic: true,
  commitsWhileLeaving: true,
  joinsUnderBlankRoot: true,
  settlesUpdates: true,
  sendsWhilePending: true,
  comesBack: true,
  pastEpochs: PAST_EPOCHS,
  outOfOrder: 64,
  damages: DAMAGES,
  outlivesDamage: true,
};

const CAPABILITIES = { versions: [1], cipherSuites: [1, 3], extensions: [], proposals: [], credentials: [1] };
/** Wide, so that a seed gives the same bytes on any day. */
const LIFETIME = { notBefore: 0n, notAfter: 2n ** 62n };

const trusting: AuthenticationPolicy = {
  validate: () => Promise.resolve(),
  sameClient: (a, b) => nameOf(a) === nameOf(b),
  isSuccessor: (before, after) => nameOf(before) === nameOf(after),
  clientId: nameOf,
};

/** A client of this repository's engine. `seed` and name decide all of its random bytes. */
export async function thicketParticipant(name: Name, suiteId: number, seed: string): Promise<Participant> {
  const deps: EngineDeps = { random: seededRandom(`${seed} ${name}`), authentication: trusting };
  const suite = cipherSuite(suiteId);
  const signatureKey = await suite.signatureKeyPair(deps.random);
  const identity = {
    suite: suiteId,
    credential: { kind: "basic" as const, identity: new TextEncoder().encode(name) },
    signatureKey,
    capabilities: CAPABILITIES,
    lifetime: LIFETIME,
  };
  let invited: CreatedKeyPackage | undefined;
  let group: StoredGroup | undefined;
  let staged: StagedCommit | undefined;

  const member = (): StoredGroup => {
    if (group === undefined) throw new Refusal(`${name} is in no group`);
    return group;
  };
  const start = (state: GroupState) => {
    group = storeGroup(state, signatureKey.privateKey, PAST_EPOCHS);
  };

  return refusingByError({
    name,
    async keyPackage() {
      invited = await createKeyPackage({ ...identity, random: deps.random });
      return invited.message;
    },
    async found() {
      start(await createGroup({ ...identity, groupId: new TextEncoder().encode(GROUP_ID), deps }));
    },
    async join({ welcome, tree }: Invitation) {
      if (invited === undefined) throw new Error(`${name} has no key package`);
      const ratchetTree = tree && { ratchetTree: tree };
      start(await joinGroup({ ...invited, welcome, signatureKey, ...ratchetTree, deps }));
      invited = undefined;
    },
    async propose(change, asPublic) {
      const options = framed(asPublic);
      const sent = await propose(member().state, change, options, deps);
      member().advance(sent.state);
      return sent.message;
    },
    async stage(intent) {
      const result = await stageCommit(member().state, await commitIntent(member().state, intent), deps);
      member().advance(result.state);
      staged = result.staged;
      return { proposals: [], commit: staged.message, welcome: staged.welcome };
    },
    async merge() {
      if (staged === undefined) throw new Error("nothing is staged");
      member().enter(mergeCommit(staged));
      staged = undefined;
    },
    async drop() {
      staged = undefined;
    },
    async send(text) {
      const sent = await createApplicationMessage(member().state, new TextEncoder().encode(text), {}, deps);
      member().advance(sent.state);
      return sent.message;
    },
    async receive(message) {
      const late = await receiveLate(member(), message);
      if (late !== undefined) return late;
      const processed = await processMessage(member().state, message, deps, { allowPublic: true });
      if (processed.kind !== "commit") member().advance(processed.state);
      else if (processed.staged.next === undefined) group = undefined;
      else member().enter(processed.staged.next);
      return processed.kind === "application" ? new TextDecoder().decode(processed.data) : undefined;
    },
    async restart() {
      member().reload();
    },
    async view() {
      const { state } = member();
      const exported = exportSecret(state, EXPORT_LABEL, EXPORT_CONTEXT, EXPORT_LENGTH);
      return {
        epoch: epoch(state),
        roster: members(state).map(({ leafNode }) => nameOf(leafNode.credential)),
        exported: Buffer.from(exported).toString("hex"),
      };
    },
    async tree() {
      return treeOf(member().state);
    },
  });
}

async function propose(
  state: GroupState,
  change: Wanted,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array }> {
  switch (change.kind) {
    case "add": {
      const keyPackage = await checkKeyPackage(change.keyPackage, { suite: state.suite.id });
      return createProposal(state, { kind: "add", keyPackage }, options, deps);
    }
    case "remove":
      return proposeRemove(state, leafOf(state, change.who), options, deps);
    case "update":
      return proposeUpdate(state, {}, options, deps);
  }
}

async function commitIntent(
  state: GroupState,
  { changes, take, public: asPublic, pathless }: Intent,
): Promise<Parameters<typeof stageCommit>[1]> {
  const add = [];
  for (const change of changes) {
    if (change.kind === "add") add.push(await checkKeyPackage(change.keyPackage, { suite: state.suite.id }));
  }
  const pending = pendingProposals(state);
  return {
    ...framed(asPublic),
    path: pathless ? "whenRequired" : "always",
    add,
    remove: changes.flatMap((change) => (change.kind === "remove" ? [leafOf(state, change.who)] : [])),
    proposals: take === "all" ? "all" : take.map((number) => pending[number]?.ref ?? new Uint8Array()),
  };
}

function framed(asPublic: boolean): SendOptions {
  return { wireFormat: asPublic ? "publicMessage" : "privateMessage" };
}

function leafOf(state: GroupState, who: Name): number {
  const member = members(state).find(({ leafNode }) => nameOf(leafNode.credential) === who);
  if (member === undefined) throw new Error(`${who} is no member`);
  return member.leaf;
}

/** The text of a message of a past epoch; undefined where the message is of this epoch or of none that is kept. */
async function receiveLate(group: StoredGroup, message: Uint8Array): Promise<string | undefined> {
  const { epoch: of } = parseHeader(message);
  const index = group.past.findIndex((past) => past.context.epoch === of);
  const past = group.past[index];
  if (past === undefined) return undefined;
  const opened = await openLate(past, message);
  group.advancePast(index, opened.past);
  return new TextDecoder().decode(opened.data);
}

/** The engine says No by MlsError; whatever else it throws is a defect of its own. */
function refusingByError(participant: Participant): Participant {
  const wrapped = { ...participant };
  for (const [key, value] of Object.entries(participant)) {
    if (typeof value !== "function") continue;
    Object.assign(wrapped, {
      [key]: async (...args: unknown[]) => {
        try {
          return await Reflect.apply(value, participant, args);
        } catch (error) {
          throw error instanceof MlsError ? new Refusal(error) : error;
        }
      },
    });
  }
  return wrapped;
}
