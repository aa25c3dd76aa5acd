import type { CommandReply } from "@thicket/client/api";
import { useEffect, useState } from "react";
import { act } from "../../store/store.ts";

type Registration = NonNullable<Extract<CommandReply, { ok: true }>["registration"]>;

/** Milliseconds between two questions: sooner while the server can't be reached, later while it is closed. */
const AGAIN = { unknown: 2000, closed: 30_000 };

/** Who may sign up here, as far as is known: asked again until the server says, and while it is closed. */
export function useRegistration(): Registration | undefined {
  const [registration, setRegistration] = useState<Registration>();
  useEffect(() => {
    let current = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      const reply = await act({ type: "checkRegistration" });
      if (!current) return;
      const found = reply.ok ? reply.registration : undefined;
      if (found !== undefined) setRegistration(found);
      if (found === undefined) timer = setTimeout(() => void ask(), AGAIN.unknown);
      else if (found === "closed") timer = setTimeout(() => void ask(), AGAIN.closed);
    };
    void ask();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, []);
  return registration;
}
