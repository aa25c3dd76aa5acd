import { useSyncExternalStore } from "react";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => matchMedia(query).matches,
  );
}

/** A phone or tablet without a keyboard: Enter is a new line there, and nothing takes the focus (it would raise the keyboard). */
export const TOUCH = "(pointer: coarse)";
