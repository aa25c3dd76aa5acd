export * from "./public.ts";
export {
  appComponentsIn,
  appDataDictionary,
  COMPONENT_APP_COMPONENTS,
  COMPONENT_CONTENT_MEDIA_TYPES,
  COMPONENT_LAST_RESORT_KEY_PACKAGE,
  type ComponentData,
  componentsIn,
  componentsListCodec,
  EXTENSION_APP_DATA_DICTIONARY,
  findComponent,
} from "./app-components.ts";
export {
  advertiseMediaTypes,
  frameApplicationData,
  type FramedApplicationData,
  type MediaType,
  type MediaTypeParameter,
  mediaTypesIn,
  readApplicationData,
  requireMediaTypes,
} from "./content-advertisement.ts";
export { type CreatedKeyPackage, createKeyPackage, type KeyPackageOptions } from "./create-key-package.ts";
export { type RequiredCapabilities, requiredCapabilitiesCodec } from "./extension.ts";
export { type GroupContext, groupContextCodec } from "./group-context.ts";
export {
  isDefaultProposal,
  type PreSharedKeyId,
  type Proposal,
  PROPOSAL_TYPES,
  type ReInit,
} from "./proposal.ts";
export type { RecordDiff } from "./record-diff.ts";
export type { Aead } from "./crypto/aead.ts";
export {
  type CipherSuite,
  type CryptoKey,
  type HpkeCiphertext,
  type HpkeKeyPair,
  type SignatureKeyPair,
  SUITE_MLKEM768X25519_AES128GCM_SHA256_ED25519,
  SUITE_P256_AES128GCM_SHA256_P256,
  SUITE_P384_AES256GCM_SHA384_P384,
  SUITE_P521_AES256GCM_SHA512_P521,
  SUITE_X25519_AES128GCM_SHA256_ED25519,
  SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
  SUITE_X448_AES256GCM_SHA512_ED448,
  SUITE_X448_CHACHA20POLY1305_SHA512_ED448,
  supportedCipherSuites,
} from "./crypto/cipher-suite.ts";
export type { Hpke } from "./crypto/hpke.ts";
export type { Expander, KeyDerivation } from "./crypto/key-derivation.ts";
export { isFromMember, type ProposalSender, type Sender } from "./framing/message.ts";
export type { AuthenticationPolicy, CredentialQuestion, EngineDeps } from "./group/authentication.ts";
export {
  type GroupFromOutside,
  readGroupInfo,
  type ReadGroupInfoOptions,
  type SeparateTree,
} from "./group/check-group-info.ts";
export { createGroup, type CreateGroupOptions } from "./group/create-group.ts";
export type { GroupInfoExtensions } from "./group/create-welcome.ts";
export { exportGroupInfo, exportRatchetTree, type GroupInfoOptions } from "./group/export-group-info.ts";
export type {
  ExternalCommitQuestion,
  ExternalPolicy,
  ExternalProposalQuestion,
} from "./group/external-policy.ts";
export {
  createExternalProposal,
  type ExternalProposalOptions,
  type OutsideProposal,
  type ProposalPlace,
  proposeSelf,
  type SelfProposalOptions,
} from "./group/external-proposal.ts";
export {
  contextExtensions,
  epoch,
  epochAuthenticator,
  exportSecret,
  groupId,
  type GroupState,
  memberAt,
  members,
  ownLeaf,
  type PendingProposal,
  pendingProposals,
  resumptionPsk,
} from "./group/group-state.ts";
export { heldSecrets } from "./group/held-secrets.ts";
export { type ExternalCommitOptions, joinByExternalCommit } from "./group/join-by-external-commit.ts";
export { joinGroup, type JoinGroupOptions } from "./group/join-group.ts";
export { DEFAULT_LIMITS, dropExpiredKeys, keepPastEpochs, type Limits } from "./group/limits.ts";
export type { FindPredecessor } from "./group/open-welcome.ts";
export { diffPastEpoch, loadPastEpoch } from "./group/past-epoch-records.ts";
export { type LateMessage, openLate, type PastEpoch, retireEpoch } from "./group/past-epoch.ts";
export type { HeldResumptionPsk, PskReference } from "./group/pre-shared-keys.ts";
export {
  decodePredecessor,
  encodePredecessor,
  type Predecessor,
  predecessorOf,
} from "./group/predecessor.ts";
export { type ProcessedMessage, processMessage, type ProcessOptions } from "./group/process-message.ts";
export type { SentProposal } from "./group/proposal-rules.ts";
export { rootPathSecretOf } from "./group/receive-commit.ts";
export { diffGroup, loadGroup } from "./group/records.ts";
export { pendingReinit } from "./group/reinit.ts";
export { safeExportSecret } from "./group/safe-exporter.ts";
export {
  createApplicationMessage,
  createProposal,
  proposePsk,
  proposeRemove,
  proposeUpdate,
  type SendOptions,
} from "./group/send-message.ts";
export type { CommitIntent, LeafChanges } from "./group/commit-intent.ts";
export { stageCommit } from "./group/stage-commit.ts";
export { type CommitEffects, mergeCommit, type StagedCommit } from "./group/staged-commit.ts";
export {
  branchGroup,
  type FoundedSuccessor,
  reinitGroup,
  type SuccessorOptions,
} from "./group/successor-group.ts";
export type { RatchetLimits } from "./schedule/ratchet.ts";
export type { Member } from "./tree/ratchet-tree.ts";
