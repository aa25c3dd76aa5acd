/**
 * Every way in which the engine refuses something. Codes are stable: callers switch on them, and they may
 * cross a worker boundary as plain strings.
 */
export type MlsErrorCode =
  // codec/: bytes that are not the structure they should be (RFC 9420 §2)
  | "DECODE_TRUNCATED" // the bytes end before the structure does
  | "DECODE_TRAILING" // bytes are left over after the structure
  | "DECODE_VARINT" // a vector length with prefix 11, or not in its shortest form
  | "DECODE_VALUE" // an enum, tag or presence octet with no meaning here
  | "ENCODE_RANGE" // a value that its field cannot hold
  // crypto/
  | "SUITE_UNSUPPORTED" // a number that is no suite of this engine
  | "SUITE_NOT_LOADED" // known, but loadCipherSuite was not awaited
  | "CRYPTO_UNAVAILABLE" // the platform has no WebCrypto, or not for this kind of key
  | "KEY_INVALID" // a key of the wrong length, off the curve or of small order
  | "AEAD_OPEN_FAILED" // a ciphertext that its key doesn't open
  | "LENGTH_INVALID" // a derived length outside what the KDF can give
  // structures and framing
  | "VERSION_UNSUPPORTED" // another protocol version than mls10
  | "EXTENSION_DUPLICATE" // two extensions of one type in a list
  | "WIRE_FORMAT_UNEXPECTED" // another kind of MLSMessage than belongs here, or than the caller takes
  | "CONTENT_UNEXPECTED" // content that may not come from this sender, in this framing or in this epoch
  | "SENDER_INVALID" // a sender that the group doesn't have
  | "OWN_MESSAGE" // in the name of this very member
  | "GROUP_MISMATCH"
  | "EPOCH_MISMATCH"
  | "SIGNATURE_INVALID" // of a message or a key package; of a leaf in a group it is LEAF_NODE_INVALID
  | "MEMBERSHIP_TAG_INVALID"
  | "CONFIRMATION_TAG_INVALID"
  | "PADDING_INVALID"
  | "GENERATION_USED" // its key was consumed, or dropped
  | "GENERATION_TOO_FAR" // it leaps over more generations than the limits allow
  | "GENERATION_EXHAUSTED" // a ratchet that has no generation left
  | "EXPORT_USED" // a component's secret of the epoch was exported before, and is gone
  | "REPLAYED" // signed bytes that were taken or sent before in the epoch
  | "RECORD_INVALID" // stored records that do not make up a state
  // key packages and leaves
  | "KEY_PACKAGE_INVALID"
  | "LEAF_NODE_INVALID"
  | "CERTIFICATE_INVALID" // an x509 credential that is no chain of certificates for the signature key (§5.3)
  | "LIFETIME_INVALID" // a leaf that lives longer than the application allows, or not at its time (§7.2, §7.3)
  | "CREDENTIAL_INVALID" // the application's verdict (§5.3.1); its own error is the cause
  // tree/ and group/
  | "TREE_INVALID" // a tree that was received
  | "KEY_REPEATED" // an encryption or signature key at two places of the tree
  | "CLIENT_REPEATED" // two leaves of one client, by the application's verdict
  | "CAPABILITY_MISSING" // a member lacks what the group, or another member's credential, needs
  | "MEMBER_UNKNOWN" // a leaf index without a member
  | "PROPOSAL_INVALID" // one proposal by itself (§12.1)
  | "PROPOSAL_LIST_INVALID" // proposals that don't go together (§12.2)
  | "PROPOSAL_UNKNOWN" // a reference to a proposal that was not received in this epoch
  | "GROUP_CLOSED" // the group was reinitialized and carries no more messages (§11.2)
  | "PSK_UNAVAILABLE" // neither the engine nor the application has this pre-shared key
  | "COMMIT_INVALID" // without the path that it needs
  | "UPDATE_PATH_INVALID" // what every member can see is wrong with a path
  | "PATH_UNREADABLE" // a path that this member can't open; says nothing about the others
  | "WELCOME_INVALID" // it doesn't open, or what it says doesn't fit the key package or the tree
  | "NOT_INVITED" // a Welcome for other key packages
  | "SUCCESSOR_INVALID" // a group that isn't what was to come of the old one (§11.2, §11.3)
  | "GROUP_INFO_INVALID" // its signature, its signer, its suite, or a tree or key that it lacks
  // from outside the group
  | "EXTERNAL_COMMIT_REFUSED" // the application doesn't let somebody join by a commit of their own (§12.4.3.2)
  | "EXTERNAL_PROPOSAL_REFUSED"; // the application doesn't take a proposal from outside (§12.1.8)

/** The only error that the engine throws on bad input. `section` names the rule of RFC 9420, as in "§6.3.1". */
export class MlsError extends Error {
  readonly code: MlsErrorCode;
  readonly section: string | undefined;

  constructor(code: MlsErrorCode, message: string, options: { section?: string; cause?: unknown } = {}) {
    super(
      options.section === undefined ? message : `${message} (RFC 9420 ${options.section})`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "MlsError";
    this.code = code;
    this.section = options.section;
  }
}
