import type { Person, TimelineItem } from "@thicket/client/api";
import { useState } from "react";
import { personName } from "../../text/names.ts";

/** Speaks each new message of others. The log itself is silent: scrolling through a virtual list would be read aloud. */
export function Announcer({
  items,
  people,
}: {
  items: TimelineItem[] | undefined;
  people: Record<string, Person>;
}) {
  const last = items?.at(-1);
  const [known, setKnown] = useState<{ loaded: boolean; id: string | undefined }>({
    loaded: false,
    id: undefined,
  });
  const [spoken, setSpoken] = useState("");
  if (items && known.id !== last?.id) {
    setKnown({ loaded: true, id: last?.id });
    if (known.loaded && last?.kind === "message" && !last.own) {
      const text = last.body.type === "text" ? last.body.text : "something that can't be shown";
      setSpoken(`${personName(people, last.author)}: ${text}`);
    }
  }
  return (
    <p aria-live="polite" className="sr-only">
      {spoken}
    </p>
  );
}
