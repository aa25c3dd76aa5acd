import type { CommandReply } from "@thicket/client/api";
import { useEffect, useState } from "react";
import { act, useUi } from "../../store/store.ts";

type Registration = NonNullable<Extract<CommandReply, { ok: true }>["registration"]>;

/** Who may sign up here, as the server last said. It says so in its greeting, so each new connection is asked once. */
export function useRegistration(): Registration | undefined {
  const online = useUi((state) => state.view.connection.state === "online");
  const [registration, setRegistration] = useState<Registration>();
  useEffect(() => {
    if (!online) return;
    let current = true;
    void act({ type: "checkRegistration" }).then((reply) => {
      if (current && reply.ok && reply.registration !== undefined) setRegistration(reply.registration);
    });
    return () => {
      current = false;
    };
  }, [online]);
  return registration;
}
