import type { Socket } from "socket.io";

type Connection = Socket["conn"];

/** What a connection may send, in the long run; a burst of ten seconds' worth goes through at once. */
export interface IntakeRate {
  packetsPerSecond: number;
  bytesPerSecond: number;
}

const BURST_SECONDS = 10;
/** A connection rests no longer than this (ms) at a time: its answers to pings are read in time. */
const LONGEST_REST = 5000;

/** How fast a connection is read. */
export interface Intake {
  /** Stops reading until `release` was called as often. What the peer sends waits on its own side. */
  hold(): void;
  release(): void;
}

const watched = new WeakMap<Connection, Intake>();

/**
 * Reads a connection no faster than `rate`: what comes sooner stays in the peer's own buffers, so that a flood costs its
 * sender and nobody else. Refusing each request of it would cost us a parse and a reply.
 */
export function watchIntake(
  connection: Connection,
  rate: IntakeRate,
  deps: { now: () => number; onRest?: () => void },
): Intake {
  const known = watched.get(connection);
  if (known !== undefined) return known;
  const webSocket = webSocketOf(connection);
  let holds = 0;
  const intake: Intake = {
    hold() {
      if (holds++ === 0) webSocket.pause();
    },
    release() {
      if (--holds === 0) webSocket.resume();
    },
  };

  const most = { packets: BURST_SECONDS * rate.packetsPerSecond, bytes: BURST_SECONDS * rate.bytesPerSecond };
  let left = { ...most };
  let at = deps.now();
  let resting = false;

  function refill(): void {
    const seconds = Math.max(0, deps.now() - at) / 1000;
    at = deps.now();
    left = {
      packets: Math.min(most.packets, left.packets + seconds * rate.packetsPerSecond),
      bytes: Math.min(most.bytes, left.bytes + seconds * rate.bytesPerSecond),
    };
  }

  /** What was read beyond the rate is waited for, and a chunk that was already here counts too. */
  function rest(): void {
    const owed = Math.max(-left.packets / rate.packetsPerSecond, -left.bytes / rate.bytesPerSecond);
    if (owed <= 0) {
      if (resting) intake.release();
      resting = false;
      return;
    }
    if (!resting) {
      intake.hold();
      deps.onRest?.();
    }
    resting = true;
    setTimeout(
      () => {
        refill();
        rest();
      },
      Math.min(LONGEST_REST, Math.ceil(1000 * owed)),
    ).unref();
  }

  connection.on("packet", ({ data }: { data?: unknown }) => {
    refill();
    left.packets -= 1;
    left.bytes -= typeof data === "string" ? data.length : data instanceof Uint8Array ? data.byteLength : 0;
    if (!resting) rest();
  });
  watched.set(connection, intake);
  return intake;
}

/** The WebSocket under Engine.IO's transport, which the library doesn't declare; there is no other transport here. */
function webSocketOf({ transport }: Connection): { pause(): void; resume(): void } {
  if (!("socket" in transport)) throw new Error("not on a WebSocket");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Engine.IO's own field
  return transport.socket as { pause(): void; resume(): void };
}
