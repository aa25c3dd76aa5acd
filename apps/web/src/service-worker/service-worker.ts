/**
 * Keeps the app shell so that Thicket opens without the relay. It holds no keys, no ratchet state and no messages:
 * those belong to the engine's worker alone. Nothing but the build's own files is ever cached.
 */
import { clientsClaim } from "workbox-core";
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from "workbox-precaching";
import type { PrecacheEntry } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: (PrecacheEntry | string)[] };

precacheAndRoute(self.__WB_MANIFEST);
cleanupOutdatedCaches();
// The very first visit is served from here too, so that it survives losing the network.
clientsClaim();

// Every address of the app is the one page; what belongs to the relay goes to the network.
registerRoute(
  new NavigationRoute(createHandlerBoundToURL("/index.html"), {
    denylist: [/^\/socket\.io\//, /^\/blobs(?:\/|$)/, /^\/healthz$/, /^\/metrics$/, /\/[^/]+\.[^/]+$/],
  }),
);

// A new version waits (no skipWaiting at install): it would swap chunks under a running tab.
self.addEventListener("message", (event: ExtendableMessageEvent) => {
  const data: unknown = event.data;
  if (typeof data === "object" && data !== null && "type" in data && data.type === "activate") {
    event.waitUntil(self.skipWaiting());
  }
});
