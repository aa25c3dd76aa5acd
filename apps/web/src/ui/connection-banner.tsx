import type { ConnectionView } from "@thicket/client/api";
import { CloudOff, LoaderCircle, ShieldX } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useUi } from "./store/store.ts";
import { errorText } from "./text/error-sentence.ts";

/** Says how the connection stands when it doesn't; a short reconnection isn't worth a word. */
export function ConnectionBanner({ floating = false }: { floating?: boolean }) {
  const connection = useUi((state) => state.view.connection);
  const patient = useLasting(connection.state === "connecting", 2500);
  const content = describe(connection, patient);
  return (
    <output className={`block ${floating ? "safe-top fixed inset-x-0 top-0" : ""}`}>
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
  patient: boolean,
): { icon: ReactNode; text: string } | undefined {
  switch (connection.state) {
    case "online":
      return undefined;
    case "connecting":
      return patient
        ? { icon: <LoaderCircle className="animate-spin" aria-hidden />, text: "Connecting to the server…" }
        : undefined;
    case "offline":
      return {
        icon: <CloudOff aria-hidden />,
        text: "Offline. What you write is kept and goes out when the connection is back.",
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
