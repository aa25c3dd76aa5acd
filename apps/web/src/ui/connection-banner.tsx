import type { ConnectionView } from "@thicket/client/api";
import { CloudOff, LoaderCircle, ShieldX } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useUi } from "./store/store.ts";
import { errorText } from "./text/error-sentence.ts";

/** Says how the connection stands when it doesn't; a short reconnection isn't worth a word. */
export function ConnectionBanner({ onboarding = false }: { onboarding?: boolean }) {
  const connection = useUi((state) => state.view.connection);
  const slow = useLasting(connection.state === "connecting", 2500);
  // Whoever takes their time over signing up is cut off by the server now and then, and back at once.
  const gone = useLasting(connection.state === "offline", 1000);
  const content =
    slow || gone || connection.state === "refused" ? describe(connection, onboarding) : undefined;
  return (
    <output className="block shrink-0">
      {content && (
        <span
          className={`flex min-h-9 animate-rise items-center justify-center gap-2 border-b px-4 py-1.5 text-center text-small font-medium ${connection.state === "refused" ? "border-danger/30 bg-danger-soft text-danger" : "border-line bg-sunken text-ink"} [&_svg]:size-4 [&_svg]:shrink-0`}
        >
          {content.icon}
          <span>{content.text}</span>
        </span>
      )}
    </output>
  );
}

function describe(
  connection: ConnectionView,
  onboarding: boolean,
): { icon: ReactNode; text: string } | undefined {
  switch (connection.state) {
    case "online":
      return undefined;
    case "connecting":
      return {
        icon: <LoaderCircle className="animate-spin" aria-hidden />,
        text: "Connecting to the server…",
      };
    case "offline":
      return {
        icon: <CloudOff aria-hidden />,
        text: onboarding
          ? "The server can’t be reached at the moment."
          : "Offline. What you write is kept and goes out when the connection is back.",
      };
    case "refused":
      return { icon: <ShieldX aria-hidden />, text: errorText(connection.error) };
  }
}

function useLasting(on: boolean, delay: number): boolean {
  const [lasted, setLasted] = useState(false);
  useEffect(() => {
    if (!on) return;
    const timer = setTimeout(() => setLasted(true), delay);
    return () => {
      clearTimeout(timer);
      setLasted(false);
    };
  }, [on, delay]);
  return on && lasted;
}
