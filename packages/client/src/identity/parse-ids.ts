import * as protocol from "@thicket/protocol";

/** What the ids' schemas offer (Standard Schema): a value, or issues. */
interface IdSchema<T> {
  "~standard": {
    validate(
      value: unknown,
    ): { value: T; issues?: undefined } | { issues: readonly unknown[] } | Promise<unknown>;
  };
}

/** An id that came out of verified structures or out of the random source: anything else is a bug and throws. */
function parserOf<T>(schema: IdSchema<T>, what: string): (raw: string | number) => T {
  return (raw) => {
    const result = schema["~standard"].validate(raw);
    if (result instanceof Promise || result.issues !== undefined) throw new TypeError(`not a ${what}`);
    return result.value;
  };
}

export const parseAccountId = parserOf<protocol.AccountId>(protocol.AccountId, "account id");
export const parseDeviceId = parserOf<protocol.DeviceId>(protocol.DeviceId, "device id");
export const parseGroupId = parserOf<protocol.GroupId>(protocol.GroupId, "group id");
export const parseSeatId = parserOf<protocol.SeatId>(protocol.SeatId, "seat id");
export const parseEntryId = parserOf<protocol.EntryId>(protocol.EntryId, "entry id");
export const parseHandle = parserOf<protocol.Handle>(protocol.Handle, "handle");
export const parseEpoch = parserOf<protocol.Epoch>(protocol.Epoch, "epoch");
export const parseSeq = parserOf<protocol.Seq>(protocol.Seq, "seq");
