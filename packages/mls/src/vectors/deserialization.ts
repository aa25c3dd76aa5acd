import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import { hex, same, sameBytes } from "./compare.ts";

export interface DeserializationVector {
  vlbytes_header: string;
  length: number;
}

export async function checkDeserialization(vector: DeserializationVector): Promise<void> {
  const reader = new Reader(hex(vector.vlbytes_header));
  same("length", reader.varint(), vector.length);
  reader.finish();
  const writer = new Writer();
  writer.varint(vector.length);
  sameBytes("vlbytes_header", writer.finish(), vector.vlbytes_header);
}
