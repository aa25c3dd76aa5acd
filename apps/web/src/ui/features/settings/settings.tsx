import { ArrowLeft, Check, Cloud, HardDrive, Info, Palette } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { askPersistence, readStorageStatus, type StorageStatus } from "../../../bridge/storage-status.ts";
import { Avatar } from "../../components/avatar.tsx";
import { Button, IconButton } from "../../components/button.tsx";
import { goBack } from "../../store/navigation.ts";
import { useUi } from "../../store/store.ts";
import { setTheme, type Theme, useTheme } from "../../store/theme.ts";
import { accountOf } from "../../text/names.ts";
import { VERSION } from "./version.ts";

export function Settings() {
  const account = useUi((state) => accountOf(state.view));
  return (
    <>
      <header className="flex min-h-16 items-center gap-2 border-b border-line px-1 py-2 md:px-6">
        <IconButton label="Back" className="md:hidden" onClick={() => goBack({ page: "home" })}>
          <ArrowLeft aria-hidden />
        </IconButton>
        <h2 className="text-base font-semibold">Settings</h2>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto px-4 pt-4 pb-[calc(2rem+env(safe-area-inset-bottom))] md:px-6">
        <div className="mx-auto max-w-160 space-y-4">
          {account && (
            <div className="flex items-center gap-4 p-2">
              <Avatar id={account.userId} name={account.handle} size="huge" />
              <div className="min-w-0">
                <p className="truncate font-display text-xl font-semibold">{account.handle}</p>
                <p className="text-small text-muted">Your handle on {account.host}. Others find you by it.</p>
              </div>
            </div>
          )}
          <Section icon={<Palette />} title="Appearance">
            <ThemeChoice />
          </Section>
          <Section icon={<HardDrive />} title="This device">
            <Storage />
          </Section>
          <Section icon={<Cloud />} title="What the server can see">
            <ServerSees />
          </Section>
          <Section icon={<Info />} title="About">
            <p>
              Thicket {VERSION}. Messages are protected with MLS (RFC 9420); the code is open under the Apache
              licence 2.0.
            </p>
          </Section>
        </div>
      </div>
    </>
  );
}

function Section(props: { icon: ReactNode; title: string; children: ReactNode }) {
  return (
    <section className="rounded-2xl border border-line bg-surface p-5">
      <h3 className="flex items-center gap-2.5 font-semibold [&_svg]:size-4.5 [&_svg]:text-leaf-text">
        {props.icon}
        {props.title}
      </h3>
      <div className="mt-2.5 space-y-2.5 text-small/5 text-muted">{props.children}</div>
    </section>
  );
}

const THEMES: { theme: Theme; label: string }[] = [
  { theme: "system", label: "System" },
  { theme: "light", label: "Light" },
  { theme: "dark", label: "Dark" },
];

function ThemeChoice() {
  const chosen = useTheme();
  return (
    <fieldset>
      <legend className="sr-only">Theme</legend>
      <div className="flex gap-1 rounded-xl bg-sunken p-1">
        {THEMES.map(({ theme, label }) => (
          <label
            key={theme}
            className="flex min-h-11 flex-1 cursor-pointer items-center justify-center rounded-lg px-2 text-center font-medium text-muted has-checked:bg-surface has-checked:text-ink has-checked:shadow-lift has-focus-visible:outline-2 has-focus-visible:outline-leaf md:min-h-9"
          >
            <input
              type="radio"
              name="theme"
              value={theme}
              checked={chosen === theme}
              onChange={() => setTheme(theme)}
              className="sr-only"
            />
            {label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Storage() {
  const [status, setStatus] = useState<StorageStatus>();
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    void readStorageStatus().then(setStatus);
  }, []);
  const ask = async () => {
    setRefused(!(await askPersistence()));
    setStatus(await readStorageStatus());
  };
  return (
    <>
      {status?.persisted && (
        <p className="flex gap-2 text-ink">
          <Check className="mt-0.5 size-4 shrink-0 text-leaf-text" aria-hidden />
          The browser has promised to keep Thicket’s data until you delete it.
        </p>
      )}
      {status && !status.persisted && (
        <>
          <p className="text-ink">
            The browser may delete Thicket’s data by itself when space runs short. Account and messages would
            be gone.
          </p>
          <Button look="outline" onClick={() => void ask()}>
            Ask the browser to keep it
          </Button>
          {refused && (
            <output className="block">
              It declined. Installing Thicket as an app, or using it more, usually changes its mind.
            </output>
          )}
        </>
      )}
      <p>
        Your keys and messages exist on this device only. There is no lock yet: they are stored encrypted, but
        the key lies beside them, so whoever can open this browser profile can read them.
      </p>
      {status?.usage !== undefined && <p>Used: {megabytes(status.usage)}.</p>}
    </>
  );
}

function ServerSees() {
  return (
    <>
      <p className="text-ink">It can’t read messages, group titles or who is in a group’s member list.</p>
      <p>It can see:</p>
      <ul className="list-disc space-y-1 pl-5">
        <li>your handle, when you are connected and from which address;</li>
        <li>
          when an encrypted message goes to a group, how large it is, and how many places the group has;
        </li>
        <li>whose handle you look up, and whose keys your device fetches to add somebody;</li>
        <li>which groups your connection takes part in, while it lasts. It doesn’t store that link.</li>
      </ul>
      <p>
        “Delivered to all” is the server’s word. That a handle belongs to a key is vouched for by this server
        too; keys you have met are remembered, and a change stops sending and is shown.
      </p>
    </>
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toLocaleString(undefined, { maximumFractionDigits: 1 })} MB`;
}
