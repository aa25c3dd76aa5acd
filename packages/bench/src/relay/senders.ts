import { createGroup, type Group, MESSAGE_BYTES, prepareAppend, type Seat } from "./groups.ts";
import { type Account, signUp } from "./people.ts";
import { accepted, type Session } from "./session.ts";
import { openWebSocket } from "./web-socket.ts";
import { clientFrame, OPCODE } from "./web-socket.ts";

export const SENDERS = 64;

/** Somebody who writes and hears when it is done. */
export interface Sender {
  /** Writes one message; `answered` is called when its acknowledgement has come. */
  readonly write: (answered: () => void) => void;
  readonly close: () => void;
}

/** Devices that each write to a group of their own, in which nobody listens. */
export async function openSenders(port: number, size = MESSAGE_BYTES): Promise<Sender[]> {
  const account = await signUp(port);
  const open = async () => {
    const session = await logIn(account, port);
    const group = await createGroup(session);
    return senderOver(session, group, group.founder, size);
  };
  return Promise.all(Array.from({ length: SENDERS }, open));
}

export async function logIn(account: Account, port: number): Promise<Session> {
  return (await account.addDevice()).logIn(port);
}

export function senderOver(session: Session, group: Group, seat: Seat, size: number): Sender {
  const frame = prepareAppend(group, seat, size);
  return {
    write(answered) {
      const id = session.expect((reply) => {
        accepted("group.append", reply);
        answered();
      });
      session.webSocket.send(frame(id));
    },
    close: () => session.webSocket.close(),
  };
}

/** The peer's: raw `ws` that sends back what it gets. */
export async function openEchoSenders(port: number): Promise<Sender[]> {
  const frame = clientFrame(OPCODE.binary, Buffer.alloc(MESSAGE_BYTES, 0x5a));
  const open = async (): Promise<Sender> => {
    const waiting: (() => void)[] = [];
    const socket = await openWebSocket(port, "/", () => waiting.shift()?.());
    return {
      write(answered) {
        waiting.push(answered);
        socket.send(frame);
      },
      close: () => socket.close(),
    };
  };
  return Promise.all(Array.from({ length: SENDERS }, open));
}

/** Every sender writes again as soon as its last message is acknowledged. -> acknowledgements a second. */
export async function measureThroughput(senders: readonly Sender[], seconds: number): Promise<number> {
  const started = performance.now();
  let acknowledged = 0;
  await Promise.all(
    senders.map(
      (sender) =>
        new Promise<void>((resolve) => {
          const next = () => {
            if (performance.now() - started > 1000 * seconds) return resolve();
            sender.write(() => {
              acknowledged += 1;
              next();
            });
          };
          next();
        }),
    ),
  );
  return (1000 * acknowledged) / (performance.now() - started);
}

/**
 * Messages at a fixed rate, whatever comes back: a server that falls behind makes a queue, and each message's time
 * counts from when it was due. -> milliseconds to each acknowledgement, shortest first.
 */
export async function measureOpenLoop(
  senders: readonly Sender[],
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Float64Array> {
  const times = new Float64Array(perSecond * seconds);
  const started = performance.now();
  let due = 0;
  let acknowledged = 0;
  await new Promise<void>((resolve) => {
    const writeWhatIsDue = () => {
      const now = performance.now() - started;
      for (; due < times.length && (1000 * due) / perSecond <= now; due++) {
        const index = due;
        senders[index % senders.length]?.write(() => {
          times[index] = performance.now() - started - (1000 * index) / perSecond;
          acknowledged += 1;
          if (acknowledged === times.length) resolve();
        });
      }
      if (due < times.length) setTimeout(writeWhatIsDue, 1);
    };
    writeWhatIsDue();
  });
  return times.sort();
}

export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
