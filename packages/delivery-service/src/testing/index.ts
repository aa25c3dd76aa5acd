export { parse } from "./parse.ts";
export { privateMessage } from "./private-message.ts";
export { createAsKey, createRealDevice, type RealDevice } from "./real-device.ts";
export {
  type CommitScript,
  deviceFrom,
  entryIdFrom,
  type Place,
  type ScriptedGroup,
  type ScriptedSeat,
  scriptGroup,
} from "./scripted-group.ts";
export { type SeededRandom, seededRandom } from "./seeded-random.ts";
