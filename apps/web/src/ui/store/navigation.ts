import { useSyncExternalStore } from "react";
import { formatRoute, type Overlay, type Page, parseRoute, type Route } from "../routes.ts";

/** `depth` counts the entries of this visit, so that closing goes back where there is a way back inside the app. */
interface HistoryState {
  depth: number;
}

const listeners = new Set<() => void>();
let route = parseRoute(location.pathname, location.search);

export function useRoute(): Route {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => route,
  );
}

/** Goes to a page. `replace` leaves no way back to the present one. */
export function navigate(
  to: Page & { overlay?: Overlay | undefined },
  options: { replace?: boolean } = {},
): void {
  const address = formatRoute(to);
  if (address === location.pathname + location.search) return;
  if (options.replace) history.replaceState({ depth: depth() } satisfies HistoryState, "", address);
  else history.pushState({ depth: depth() + 1 } satisfies HistoryState, "", address);
  refresh();
}

export function openOverlay(overlay: Overlay): void {
  if (route.overlay === overlay) return;
  navigate({ ...route, overlay }, { replace: route.overlay !== undefined });
}

/** Like the Back button; where the app was entered right here it goes to `fallback` instead. */
export function goBack(fallback: Page): void {
  if (depth() > 0) history.back();
  else navigate(fallback, { replace: true });
}

export function closeOverlay(): void {
  if (route.overlay === undefined) return;
  const { overlay: _closed, ...page } = route;
  goBack(page);
}

function depth(): number {
  const state: unknown = history.state;
  return typeof state === "object" && state !== null && "depth" in state && typeof state.depth === "number"
    ? state.depth
    : 0;
}

function refresh(): void {
  route = parseRoute(location.pathname, location.search);
  for (const listener of listeners) listener();
}

addEventListener("popstate", refresh);
