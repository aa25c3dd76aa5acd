import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

/** A taste, not a secret: it lives in localStorage, apart from the account. */
const KEY = "thicket.theme";
const listeners = new Set<() => void>();
let theme: Theme = readTheme();

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
}

export function setTheme(next: Theme): void {
  theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Refused by the browser: it holds until the tab is closed.
  }
  applyTheme();
  for (const listener of listeners) listener();
}

/** Puts the choice on the document; called once before the first paint. */
export function applyTheme(): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

function readTheme(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}
