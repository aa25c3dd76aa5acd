/** The app shell's updates: a new version waits until the person accepts it or the last tab is closed. */
import { scriptUrl } from "./script-url.ts";

export interface AppUpdate {
  /** Replaces the running version in every tab: each reloads once the new one has taken over. */
  accept(): void;
}

/**
 * Registers the service worker and calls `available` when a newer version of the app has been downloaded and waits.
 * Where there is none (private window, plain http, development) the app works all the same, only not without the relay.
 * Returns the way to stop listening.
 */
export function watchAppUpdates(available: (update: AppUpdate) => void): () => void {
  const abort = new AbortController();
  if ("serviceWorker" in navigator && !isDevelopment()) void register(available, abort.signal);
  return () => abort.abort();
}

const CHECK_INTERVAL = 60 * 60 * 1000;

async function register(available: (update: AppUpdate) => void, signal: AbortSignal): Promise<void> {
  const container = navigator.serviceWorker;
  let registration: ServiceWorkerRegistration;
  try {
    registration = await container.register(scriptUrl("serviceWorker"), {
      scope: "/",
      updateViaCache: "none",
    });
  } catch {
    return; // Refused by the browser or unreachable: nothing is cached, nothing is lost.
  }
  if (signal.aborted) return;

  // The first version takes hold under a running page; only a later one means that the page is out of date.
  let controlled = container.controller !== null;
  container.addEventListener(
    "controllerchange",
    () => {
      if (controlled) location.reload();
      controlled = true;
    },
    { signal },
  );

  const offer = (waiting: ServiceWorker) =>
    available({
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
      accept: () => waiting.postMessage({ type: "activate" }),
    });
  if (registration.waiting && controlled) offer(registration.waiting);
  registration.addEventListener(
    "updatefound",
    () => {
      const installing = registration.installing;
      installing?.addEventListener(
        "statechange",
        () => installing.state === "installed" && container.controller && offer(installing),
        { signal },
      );
    },
    { signal },
  );

  const check = () => void registration.update().catch(() => undefined);
  const timer = setInterval(check, CHECK_INTERVAL);
  signal.addEventListener("abort", () => clearInterval(timer));
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && check(), {
    signal,
  });
}

/** Vite's development server serves no built service worker. */
function isDevelopment(): boolean {
  return new URL(import.meta.url).pathname.startsWith("/src/");
}
