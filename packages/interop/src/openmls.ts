// oxlint-disable import/namespace -- the bindings re-export a CommonJS module, whose names the linter cannot see
import { raw } from "mls-ts";
import { parseHeader } from "@thicket/mls";
import {
  EXPORT_CONTEXT,
  EXPORT_LABEL,
  EXPORT_LENGTH,
  GROUP_ID,
  type Participant,
  Refusal,
} from "./participant.ts";
import type { Name, Traits } from "./schedule.ts";
import { rosterOf } from "./tree-bytes.ts";

/** Its one suite. */
export const OPENMLS_SUITE = 3;

/** What its WebAssembly bindings let it do; why is said in README.md. */
export const OPENMLS_TRAITS: Traits = {
  proposes: [],
  commits: ["add"],
  takesPublic: false,
  commitsWhileLeaving: false,
  joinsUnderBlankRoot: true,
  settlesUpdates: true,
  sendsWhilePending: false,
  comesBack: false,
  pastEpochs: 0,
  outOfOrder: 4,
  damages: ["flip body"],
  outlivesDamage: false,
};

/** MLSMessage with a KeyPackage in it: version mls10, wire format 5 (RFC 9420 §6). The bindings take it bare. */
const KEY_PACKAGE_HEADER = Uint8Array.of(0, 1, 0, 5);

/** A client of OpenMLS. Its random bytes are its own. */
export async function openmlsParticipant(name: Name): Promise<Participant> {
  let provider = new raw.Provider();
  let identity = new raw.Identity(provider, name);
  let group: raw.Group | undefined;

  const member = (): raw.Group => {
    if (group === undefined) throw new Refusal(`${name} is in no group`);
    return group;
  };

  return {
    name,
    async keyPackage() {
      return Uint8Array.of(...KEY_PACKAGE_HEADER, ...identity.key_package(provider).to_bytes());
    },
    async found() {
      group = raw.Group.create_new(provider, identity, GROUP_ID);
    },
    async join({ welcome, tree }) {
      if (tree === undefined) throw new Error("a Welcome is not enough for these bindings");
      group = refusing(() => raw.Group.join(provider, welcome, raw.RatchetTree.from_bytes(tree)));
    },
    propose() {
      throw new Error("the bindings have no proposals but the Add of a commit");
    },
    async stage({ changes, take }) {
      const [change, ...others] = changes;
      if (change?.kind !== "add" || others.length > 0 || take !== "all") {
        throw new Error("the bindings commit one Add and all that is pending");
      }
      const newcomer = refusing(() =>
        raw.KeyPackage.from_bytes(change.keyPackage.slice(KEY_PACKAGE_HEADER.length)),
      );
      const made = refusing(() => member().propose_and_commit_add(provider, identity, newcomer));
      return { proposals: [made.proposal], commit: made.commit, welcome: made.welcome };
    },
    async merge() {
      refusing(() => member().merge_pending_commit(provider));
    },
    async drop() {
      // The next commit that it receives takes the place of its own.
    },
    async send(text) {
      const message = refusing(() =>
        member().create_message(provider, identity, new TextEncoder().encode(text)),
      );
      return message;
    },
    async receive(message) {
      const data = refusing(() => member().process_message(provider, message));
      return parseHeader(message).contentType === "application" ? new TextDecoder().decode(data) : undefined;
    },
    async restart() {
      const stored = { provider: provider.serialize(), identity: identity.serialize() };
      provider = raw.Provider.from_bytes(stored.provider);
      identity = raw.Identity.from_bytes(name, stored.identity);
      group = raw.Group.load(provider, GROUP_ID);
    },
    async view() {
      const exported = refusing(() =>
        member().export_key(provider, EXPORT_LABEL, EXPORT_CONTEXT, EXPORT_LENGTH),
      );
      const roster = rosterOf(member().export_ratchet_tree().to_bytes());
      return { epoch: undefined, roster, exported: Buffer.from(exported).toString("hex") };
    },
    async tree() {
      return member().export_ratchet_tree().to_bytes();
    },
  };
}

/** An error of the bindings is a No; a trap of the WebAssembly is a crash. */
function refusing<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof WebAssembly.RuntimeError ? error : new Refusal(error);
  }
}
