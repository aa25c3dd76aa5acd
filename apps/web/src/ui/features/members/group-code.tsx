import type { ConversationView } from "@thicket/client/api";
import { Fingerprint } from "lucide-react";

const SHOWN = 32;

/** The epoch authenticator (RFC 9420 §8.7) in short: whoever sees the same code agrees on members and keys. */
export function GroupCode({ conversation }: { conversation: ConversationView }) {
  const code = conversation.epochAuthenticator.slice(0, SHOWN).match(/.{1,4}/g);
  if (!code) return null;
  return (
    <section aria-label="Group code" className="mx-5 mt-4 rounded-2xl border border-line bg-surface p-4">
      <h3 className="flex items-center gap-2 text-small font-semibold">
        <Fingerprint className="size-4 text-leaf-text" aria-hidden />
        Group code
      </h3>
      <p
        data-testid="group-code"
        className="mt-2 grid grid-cols-4 gap-y-0.5 font-code text-small tracking-wide"
      >
        {code.map((part, index) => (
          <span key={index}>{part}</span>
        ))}
      </p>
      <p className="mt-2 text-tiny text-muted">
        Members who see the same code have the same members and keys. It changes with every change to the
        group (now number {conversation.epoch}).
      </p>
    </section>
  );
}
