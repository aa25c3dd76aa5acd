import { decodeCredential, parseHeader } from "@thicket/mls";
import type { MlsFrame } from "./firefox-browser.ts";
import type { Bytes, MlsCall, PageValue } from "./firefox-page.ts";
import {
  EXPORT_CONTEXT,
  EXPORT_LABEL,
  EXPORT_LENGTH,
  type Participant,
  Refusal,
  type Staged,
  type Wanted,
} from "./participant.ts";
import type { Name, Traits } from "./schedule.ts";
import { nameOf } from "./tree-bytes.ts";

/** Its one suite. */
export const FIREFOX_SUITE = 1;

/** What its JavaScript API lets it do; why is said in README.md. */
export const FIREFOX_TRAITS: Traits = {
  proposes: ["add", "remove"],
  commits: ["add", "remove", "pending"],
  takesPublic: true,
  commitsWhileLeaving: true,
  joinsUnderBlankRoot: false,
  settlesUpdates: false,
  sendsWhilePending: false,
  comesBack: true,
  pastEpochs: 3,
  outOfOrder: 64,
  damages: ["flip header", "flip body", "cut"],
  outlivesDamage: true,
};

/** A client of mls-rs in Firefox. Its random bytes are its own. */
export async function firefoxParticipant(name: Name, frame: MlsFrame): Promise<Participant> {
  const clientId = bytesIn(await frame.call({ method: "generateIdentity", args: [] }), "content");
  const credential = bytesIn(await frame.call({ method: "generateCredential", args: [name] }), "content");
  let groupId: Bytes | undefined;
  /** The commit of all that is pending, which the engine makes by itself when a proposal arrives. */
  let offered: Staged | undefined;
  let staged: Staged | undefined;

  const inGroup = (method: string, ...args: MlsCall["args"]): Promise<PageValue> => {
    if (groupId === undefined) throw new Refusal(`${name} is in no group`);
    return frame.call({ group: { groupId, clientId: asBytes(clientId) }, method, args });
  };
  /** A client with a commit pending makes no other, and takes no proposal. */
  const decline = async () => {
    if (offered !== undefined) await inGroup("clearPendingCommit");
    offered = undefined;
  };
  const idOf = async (who: Name): Promise<Bytes> => {
    const found = (await roster()).find((member) => member.name === who);
    if (found === undefined) throw new Error(`${who} is no member`);
    return asBytes(found.clientId);
  };
  const roster = async () => {
    const members = fieldOf(await inGroup("details"), "members");
    if (!Array.isArray(members)) throw new Error("details without members");
    return members.map((member) => ({
      name: nameOf(decodeCredential(bytesIn(member, "credential"))),
      clientId: bytesIn(member, "clientId"),
    }));
  };

  return {
    name,
    async keyPackage() {
      const args = [asBytes(clientId), asBytes(credential)];
      return bytesIn(await frame.call({ method: "generateKeyPackage", args }), "content");
    },
    async found() {
      const args = [asBytes(clientId), asBytes(credential)];
      groupId = asBytes(bytesIn(await frame.call({ method: "groupCreate", args }), "groupId"));
    },
    async join({ welcome }) {
      const args = [asBytes(clientId), asBytes(welcome)];
      groupId = asBytes(bytesIn(await frame.call({ method: "groupJoin", args }), "groupId"));
    },
    async propose(change) {
      await decline();
      const made =
        change.kind === "add"
          ? await inGroup("proposeAdd", asBytes(change.keyPackage))
          : await inGroup("proposeRemove", await idOf(removedBy(change)));
      return bytesIn(made, "content");
    },
    async stage({ changes: [change, ...more] }) {
      if (more.length > 0) throw new Error("one change at a time");
      if (change === undefined) {
        if (offered === undefined) throw new Error("a commit without a change comes of a proposal only");
        staged = offered;
        offered = undefined;
        return staged;
      }
      await decline();
      const made =
        change.kind === "add"
          ? await inGroup("add", asBytes(change.keyPackage))
          : await inGroup("remove", await idOf(removedBy(change)));
      staged = stagedOf(made);
      return staged;
    },
    async merge() {
      if (staged === undefined) throw new Error("nothing is staged");
      await inGroup("receive", asBytes(staged.commit));
      staged = undefined;
    },
    async drop() {
      // The next commit that it receives takes the place of its own.
      staged = undefined;
    },
    async send(text) {
      return bytesIn(await inGroup("send", text), "content");
    },
    async receive(message) {
      if (contentOf(message) === "proposal") await decline();
      const received = await inGroup("receive", asBytes(message));
      const type = fieldOf(received, "type");
      if (type === "application-message-plaintext") {
        return new TextDecoder().decode(bytesIn(received, "content"));
      }
      offered = type === "commit-output" ? stagedOf(fieldOf(received, "commitOutput")) : undefined;
      if (isRemoval(received)) groupId = undefined;
      return undefined;
    },
    async restart() {
      await frame.reload();
    },
    async view() {
      const context = asBytes(EXPORT_CONTEXT);
      const [exported, members] = await Promise.all([
        inGroup("exportSecret", EXPORT_LABEL, context, EXPORT_LENGTH),
        roster(),
      ]);
      const epoch = Buffer.from(bytesIn(exported, "groupEpoch")).readBigUInt64LE();
      return {
        epoch,
        roster: members.map((member) => member.name),
        exported: Buffer.from(bytesIn(exported, "secret")).toString("hex"),
      };
    },
    async tree() {
      return undefined; // It stands in the Welcome.
    },
  };
}

function removedBy(change: Wanted): Name {
  if (change.kind !== "remove") throw new Error(`the API has no ${change.kind}`);
  return change.who;
}

/** What a message holds; undefined for what isn't one. */
function contentOf(message: Uint8Array): string | undefined {
  try {
    return parseHeader(message).contentType;
  } catch {
    return undefined;
  }
}

/** A commit that removes the client itself leads to no epoch, and the engine says so by the last number there is. */
function isRemoval(received: PageValue): boolean {
  if (fieldOf(received, "groupEpoch") === null) return false;
  return bytesIn(received, "groupEpoch").every((byte) => byte === 0xff);
}

function stagedOf(output: PageValue): Staged {
  const welcome = fieldOf(output, "welcome");
  return {
    proposals: [],
    commit: bytesIn(output, "commit"),
    welcome: welcome === null ? undefined : bytesIn(output, "welcome"),
  };
}

/** A field of an answer; null where it isn't there. */
function fieldOf(answer: PageValue, key: string): PageValue {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return null;
  return Object.entries(answer).find(([name]) => name === key)?.[1] ?? null;
}

function bytesIn(answer: PageValue, key: string): Uint8Array {
  const text = fieldOf(fieldOf(answer, key), "bytes");
  if (typeof text !== "string") throw new Error(`no ${key} in ${JSON.stringify(answer)}`);
  return new Uint8Array(Buffer.from(text, "base64"));
}

function asBytes(bytes: Uint8Array): Bytes {
  return { bytes: Buffer.from(bytes).toString("base64") };
}
