// oxlint-disable import/namespace -- the bindings come out of a generated file that the linter doesn't follow
import { init, raw } from "mls-ts";
import type { Contender } from "./contender.ts";

interface Keys {
  readonly provider: raw.Provider;
  readonly identity: raw.Identity;
}

interface Member extends Keys {
  readonly group: raw.Group;
}

/** OpenMLS in WebAssembly (npm mls-ts), suite 0x0003. A group changes in place; it can't commit without adding. */
export async function openMls(): Promise<Contender<Member, Keys>> {
  await init();
  // The call to join wants a tree, even where the Welcome holds the one that counts.
  const provider = new raw.Provider();
  const spare = raw.Group.create_new(provider, new raw.Identity(provider, "spare"), "spare");

  return {
    name: "OpenMLS",
    suite: 3,
    member: async (name) => {
      const keys = openClient(name);
      const bytes = keys.identity.key_package(keys.provider).to_bytes();
      const keyPackage = Uint8Array.of(0x00, 0x01, 0x00, 0x05, ...bytes); // as an MLSMessage
      return { keyPackage, keys };
    },
    join: async (welcome, keys) => ({
      ...keys,
      group: raw.Group.join(keys.provider, welcome, spare.export_ratchet_tree()),
    }),
    send: async (member, data) => ({
      group: member,
      message: member.group.create_message(member.provider, member.identity, data),
    }),
    receive: async (member, message) => ({
      group: member,
      data: member.group.process_message(member.provider, message),
    }),
    process: async (member, commit) => {
      member.group.process_message(member.provider, commit);
      return member;
    },
  };
}

function openClient(name: string): Keys {
  const provider = new raw.Provider();
  return { provider, identity: new raw.Identity(provider, name) };
}
