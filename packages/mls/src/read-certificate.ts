import { DER } from "@noble/curves/abstract/der.js";

/** What the rules for chains ask of a certificate, as slices of its bytes. */
export interface ReadCertificate {
  /** What the AlgorithmIdentifier of the subject's key holds. */
  readonly keyAlgorithm: Uint8Array;
  readonly publicKey: Uint8Array;
  /** What the names hold; in DER, a name has one spelling. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
}

// Tags (X.690 §8.1.2): universal ones, and what makes those that a certificate gives its optional fields.
const END_OF_CONTENTS = 0x00;
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OID = 0x06;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const UNIVERSAL_STRING = 0x1c;
const SEQUENCE = 0x30;
const SET = 0x31;
const CONSTRUCTED = 0x20;
const CONTEXT = 0x80;
const TAG_NUMBER = 0x1f;

/**
 * What passing over a value takes is some 250 bytes, whatever its length. An attribute of a name takes three bytes a
 * value and more, so does an extension, and keys and signatures are long: no certificate comes near to this.
 */
const LEAST_BYTES_PER_VALUE = 3;

/**
 * Reads a certificate of RFC 5280 §4.1. Its values must stand as said there, down to the last, in lengths that DER has;
 * what they say (version, serial number, whether an extension is critical, how a set is sorted) is for whoever checks
 * the chain. Nothing is built of them: an object for each takes a thousand times its bytes, and whoever sends it says
 * how many there are. Throws an Error.
 */
export function readCertificate(bytes: Uint8Array): ReadCertificate {
  const allowance = { values: bytes.length / LEAST_BYTES_PER_VALUE };
  const certificate = only({ left: bytes, allowance }, SEQUENCE);
  const signed = open(certificate, SEQUENCE);
  checkAlgorithm(open(certificate, SEQUENCE));
  wholeBytes(take(certificate, BIT_STRING)); // the signature
  end(certificate);

  if (isNext(signed, CONTEXT + CONSTRUCTED)) only(open(signed, CONTEXT + CONSTRUCTED), INTEGER); // the version
  take(signed, INTEGER); // the serial number
  checkAlgorithm(open(signed, SEQUENCE));
  const issuer = checkName(open(signed, SEQUENCE));
  checkValidity(open(signed, SEQUENCE));
  const subject = checkName(open(signed, SEQUENCE));
  const key = open(signed, SEQUENCE);
  const keyAlgorithm = checkAlgorithm(open(key, SEQUENCE));
  const publicKey = wholeBytes(take(key, BIT_STRING));
  end(key);
  for (const uniqueId of [CONTEXT + 1, CONTEXT + 2]) {
    if (isNext(signed, uniqueId) && !isFormed(BIT_STRING, take(signed, uniqueId))) throw malformed();
  }
  const extensions = CONTEXT + CONSTRUCTED + 3;
  if (isNext(signed, extensions)) checkExtensions(only(open(signed, extensions), SEQUENCE));
  end(signed);
  return { keyAlgorithm, publicKey, subject, issuer };
}

/** The bytes of an AlgorithmIdentifier. */
function checkAlgorithm(algorithm: Values): Uint8Array {
  const bytes = algorithm.left;
  take(algorithm, OID);
  if (!isAtEnd(algorithm)) takeAny(algorithm); // its parameters
  end(algorithm);
  return bytes;
}

/** The bytes of a Name. It may be empty: then an extension names the subject (RFC 5280 §4.1.2.6). */
function checkName(name: Values): Uint8Array {
  const bytes = name.left;
  while (!isAtEnd(name)) {
    const attributes = open(name, SET);
    do {
      const attribute = open(attributes, SEQUENCE);
      take(attribute, OID);
      takeAny(attribute);
      end(attribute);
    } while (!isAtEnd(attributes));
  }
  return bytes;
}

function checkValidity(times: Values): void {
  for (let n = 0; n < 2; n++) take(times, isNext(times, UTC_TIME) ? UTC_TIME : GENERALIZED_TIME);
  end(times);
}

function checkExtensions(extensions: Values): void {
  do {
    const extension = open(extensions, SEQUENCE);
    take(extension, OID);
    if (isNext(extension, BOOLEAN)) take(extension, BOOLEAN); // whether it is critical
    take(extension, OCTET_STRING);
    end(extension);
  } while (!isAtEnd(extensions));
}

/** Keys and signatures are bit strings that end with a byte. */
function wholeBytes(bitString: Uint8Array): Uint8Array {
  if (bitString[0] !== 0) throw malformed();
  return bitString.subarray(1);
}

/** Values that stand one after the other, of which those left are still to be taken. */
interface Values {
  left: Uint8Array;
  /** How many values the certificate may still have. */
  readonly allowance: { values: number };
}

const isAtEnd = ({ left }: Values): boolean => left.length === 0;
const isNext = ({ left }: Values, tag: number): boolean => left[0] === tag;

/** What the next value holds, which must have this tag. */
function take(values: Values, tag: number): Uint8Array {
  if (--values.allowance.values < 0)
    throw new Error("there are more values than a certificate of this length has");
  const { v, l } = DER._tlv.decode(tag, values.left);
  values.left = l;
  if (!isFormed(tag, v)) throw malformed();
  return v;
}

/** The values in the next one. */
function open(values: Values, tag: number): Values {
  return { left: take(values, tag), allowance: values.allowance };
}

/** The values in the one that there is. */
function only(values: Values, tag: number): Values {
  const inside = open(values, tag);
  end(values);
  return inside;
}

function end(values: Values): void {
  if (!isAtEnd(values)) throw new Error("there is more than belongs there");
}

/** Passes over one value of any type, and over all in it, however deep. */
function takeAny(values: Values): void {
  const opened: Values[] = [];
  passOver(values, opened);
  for (let inside = opened.pop(); inside !== undefined; inside = opened.pop()) {
    while (!isAtEnd(inside)) passOver(inside, opened);
  }
}

function passOver(values: Values, opened: Values[]): void {
  const tag = values.left[0] ?? END_OF_CONTENTS;
  const inside = open(values, tag);
  if ((tag & CONSTRUCTED) !== 0) opened.push(inside);
}

/** Whether these bytes can be what a value of this type holds (X.690 §8), where not any can. */
function isFormed(tag: number, bytes: Uint8Array): boolean {
  const { length } = bytes;
  switch (tag) {
    case BOOLEAN:
      return length === 1;
    case INTEGER:
      return length > 0;
    case BIT_STRING: // the first byte says how many bits of the last are not used
      return length > 0 && (bytes[0] ?? 0) <= (length > 1 ? 7 : 0);
    case OID: // each number's last byte is the one whose highest bit isn't set
      return length > 0 && (bytes[length - 1] ?? 0) < 0x80;
    case UTC_TIME:
      return isTime(bytes, 12);
    case GENERALIZED_TIME:
      return isTime(bytes, 14);
    case UNIVERSAL_STRING: // four bytes a character
      return length % 4 === 0;
    case END_OF_CONTENTS: // of the lengths that DER doesn't have
      return false;
    default: // but tags of several bytes, which nothing in a certificate has
      return (tag & TAG_NUMBER) !== TAG_NUMBER;
  }
}

/** RFC 5280 §4.1.2.5: to the second, in Greenwich Mean Time, the year in two digits or in four. */
function isTime(bytes: Uint8Array, digits: number): boolean {
  const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
  return bytes.length === digits + 1 && bytes[digits] === 0x5a && bytes.subarray(0, digits).every(isDigit);
}

function malformed(): Error {
  return new Error("a value is malformed");
}
