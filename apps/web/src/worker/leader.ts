/**
 * One engine per origin. Every tab's worker waits for the same Web Lock; the browser grants it to one, and to the next
 * as soon as that one's tab is closed or has crashed. There are no heartbeats.
 */
export interface Candidacy {
  /** Takes the lock from a leader that holds it but no longer answers (its tab is frozen). */
  steal(): void;
  /** Competes no longer; if leading, `ended` is signalled first. */
  withdraw(): void;
}

/**
 * Competes for `name`. `lead` is called each time that it is won; it leads until it resolves (the lock then goes to the
 * next in line, and this one queues again unless it answers "withdraw") or `ended` says that the lock is gone.
 */
export function compete(
  name: string,
  lead: (ended: AbortSignal) => Promise<"again" | "withdraw">,
): Candidacy {
  let withdrawn = false;
  let stealNext = false;
  let round = new AbortController();
  /** Set while the lock is ours. */
  let held: AbortController | undefined;
  /** The last call of `lead`: one that lost its lock may still be stopping its engine. */
  let winding: Promise<unknown> = Promise.resolve();

  void run();

  async function run(): Promise<void> {
    for (;;) {
      if (withdrawn) return;
      const ended = new AbortController();
      round = ended;
      const options = stealNext ? { steal: true } : { signal: ended.signal };
      stealNext = false;
      try {
        await navigator.locks.request(name, options, () => hold(ended));
      } catch (error) {
        // AbortError: another worker stole the lock, or this one gave up waiting in order to steal it.
        if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
      } finally {
        if (held === ended) held = undefined;
        ended.abort();
      }
    }
  }

  async function hold(ended: AbortController): Promise<void> {
    held = ended;
    await winding;
    if (ended.signal.aborted) return;
    const led = lead(ended.signal);
    winding = led.catch(() => undefined);
    if ((await led) === "withdraw") withdrawn = true;
  }

  return {
    steal() {
      if (held || withdrawn) return;
      stealNext = true;
      round.abort();
    },
    withdraw() {
      withdrawn = true;
      round.abort();
    },
  };
}
