/**
 * One run of a client's program. It can be killed between any two steps: before and after every durable
 * write, and before and after every request leaves. When it is over nothing more comes out of it, as with
 * a worker that was killed: its writes, requests and timers stay without effect and without an answer.
 */
export interface Life {
  over(): boolean;
  /** The program comes past a place where it may die; false where it died there. */
  pass(place: string): boolean;
  /** It will die at the nth place from now on (1 is the next). */
  dieAt(place: number): void;
  end(place: string): void;
  /** Places passed so far. */
  passed(): number;
}

export function createLife(died: (place: string) => void): Life {
  let over = false;
  let passed = 0;
  let last = Infinity;
  const life: Life = {
    over: () => over,
    passed: () => passed,
    dieAt: (place) => {
      last = passed + place;
    },
    pass(place) {
      if (over) return false;
      passed++;
      if (passed >= last) life.end(place);
      return !over;
    },
    end(place) {
      if (over) return;
      over = true;
      died(place);
    },
  };
  return life;
}

/** An answer that a killed program doesn't live to see. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
