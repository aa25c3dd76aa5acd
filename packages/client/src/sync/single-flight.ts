/** A function that runs once at a time: asked for while it runs, it runs once more. */
export function singleFlight(
  start: (work: () => Promise<void>) => void,
  work: () => Promise<void>,
): () => void {
  let running = false;
  let again = false;
  const ask = () => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    start(async () => {
      try {
        do {
          again = false;
          await work();
        } while (again);
      } finally {
        running = false;
      }
    });
  };
  return ask;
}
