import { expect } from "vitest";
import { type Codec, decode, encode } from "./codec/codec.ts";
import { commitCodec } from "./commit.ts";
import { mlsMessageCodec } from "./framing/message.ts";
import { ratchetTreeCodec } from "./leaf-node.ts";
import { proposalBodies } from "./proposal.ts";
import { describeVectors, hex } from "./testing/vectors.ts";
import { groupSecretsCodec } from "./welcome.ts";

type Messages = Readonly<Record<string, string>>;

const roundTrips = {
  mls_welcome: roundTrip(mlsMessageCodec, (message) => expect(message.kind).toBe("welcome")),
  mls_group_info: roundTrip(mlsMessageCodec, (message) => expect(message.kind).toBe("groupInfo")),
  mls_key_package: roundTrip(mlsMessageCodec, (message) => expect(message.kind).toBe("keyPackage")),
  ratchet_tree: roundTrip(ratchetTreeCodec),
  group_secrets: roundTrip(groupSecretsCodec),
  add_proposal: roundTrip(proposalBodies.add),
  update_proposal: roundTrip(proposalBodies.update),
  remove_proposal: roundTrip(proposalBodies.remove),
  pre_shared_key_proposal: roundTrip(proposalBodies.psk),
  re_init_proposal: roundTrip(proposalBodies.reinit),
  external_init_proposal: roundTrip(proposalBodies.externalInit),
  group_context_extensions_proposal: roundTrip(proposalBodies.groupContextExtensions),
  commit: roundTrip(commitCodec),
  public_message_application: publicMessage("application"),
  public_message_proposal: publicMessage("proposal"),
  public_message_commit: publicMessage("commit"),
  private_message: roundTrip(mlsMessageCodec, (message) => expect(message.kind).toBe("privateMessage")),
};

describeVectors<Messages>("messages", (vector) => {
  for (const [field, check] of Object.entries(roundTrips)) {
    const text = vector[field];
    expect(text, field).toBeTypeOf("string");
    check(hex(text ?? ""));
  }
});

function roundTrip<T>(codec: Codec<T>, check?: (value: T) => void): (bytes: Uint8Array) => void {
  return (bytes) => {
    const value = decode(codec, bytes);
    check?.(value);
    expect(encode(codec, value)).toEqual(bytes);
  };
}

function publicMessage(kind: string): (bytes: Uint8Array) => void {
  return roundTrip(mlsMessageCodec, (message) => {
    expect(message.kind === "publicMessage" && message.publicMessage.content.content.kind).toBe(kind);
  });
}
