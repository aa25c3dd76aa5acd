import { type Codec, decode, encode } from "../codec/codec.ts";
import { commitCodec } from "../commit.ts";
import { type MlsMessage, mlsMessageCodec } from "../framing/message.ts";
import { ratchetTreeCodec } from "../leaf-node.ts";
import { proposalBodies } from "../proposal.ts";
import { groupSecretsCodec } from "../welcome.ts";
import { hex, same, sameBytes } from "./compare.ts";

export type MessagesVector = Readonly<Record<string, string>>;

type RoundTrip = (field: string, text: string) => void;

const roundTrips: Readonly<Record<string, RoundTrip>> = {
  mls_welcome: mlsMessage("welcome"),
  mls_group_info: mlsMessage("groupInfo"),
  mls_key_package: mlsMessage("keyPackage"),
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
  public_message_application: mlsMessage("publicMessage", "application"),
  public_message_proposal: mlsMessage("publicMessage", "proposal"),
  public_message_commit: mlsMessage("publicMessage", "commit"),
  private_message: mlsMessage("privateMessage"),
};

export async function checkMessages(vector: MessagesVector): Promise<void> {
  for (const [field, check] of Object.entries(roundTrips)) check(field, vector[field] ?? "");
}

function roundTrip<T>(codec: Codec<T>, look?: (field: string, value: T) => void): RoundTrip {
  return (field, text) => {
    const value = decode(codec, hex(text));
    look?.(field, value);
    sameBytes(`${field} encoded again`, encode(codec, value), text);
  };
}

function mlsMessage(kind: MlsMessage["kind"], content?: string): RoundTrip {
  return roundTrip(mlsMessageCodec, (field, message) => {
    same(`the kind of ${field}`, message.kind, kind);
    if (content === undefined || message.kind !== "publicMessage") return;
    same(`the content of ${field}`, message.publicMessage.content.content.kind, content);
  });
}
