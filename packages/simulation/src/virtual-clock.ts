/** Time that stands still until the world moves it, from one thing that is due to the next. */
export interface VirtualClock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
  /** Calls `run` once when `delay` ms have passed; the returned function cancels it. */
  after(delay: number, run: () => void): () => void;
  /** When the next thing is due, or undefined where nothing is. */
  due(): number | undefined;
  /** Moves to the next thing that is due and does it. Things due at one time happen in the order in which they were asked for. */
  step(): void;
  /** Moves on where nothing is due before `time`. */
  skipTo(time: number): void;
}

interface Appointment {
  time: number;
  order: number;
  run: () => void;
}

export function createVirtualClock(start: number): VirtualClock {
  let now = start;
  let order = 0;
  // Sorted, last first due: popping is cheap, and there are never more than some hundred.
  const appointments: Appointment[] = [];
  return {
    now: () => now,
    after(delay, run) {
      const appointment = { time: now + Math.max(0, Math.ceil(delay)), order: order++, run };
      appointments.splice(placeOf(appointments, appointment), 0, appointment);
      return () => {
        const index = appointments.indexOf(appointment);
        if (index !== -1) appointments.splice(index, 1);
      };
    },
    due: () => appointments.at(-1)?.time,
    step() {
      const appointment = appointments.pop();
      if (!appointment) return;
      now = appointment.time;
      appointment.run();
    },
    skipTo(time) {
      const next = appointments.at(-1)?.time ?? Infinity;
      if (next <= time) throw new Error("skipped over something that was due");
      now = Math.max(now, time);
    },
  };
}

/** Where it belongs in a list sorted by time and order, latest first. */
function placeOf(list: readonly Appointment[], appointment: Appointment): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = list[middle];
    if (
      other &&
      (other.time > appointment.time || (other.time === appointment.time && other.order > appointment.order))
    )
      low = middle + 1;
    else high = middle;
  }
  return low;
}
