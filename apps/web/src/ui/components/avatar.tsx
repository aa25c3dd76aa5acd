const SIZES = {
  small: "size-7 text-[0.6875rem]",
  medium: "size-10 text-small",
  large: "size-12 text-body",
  huge: "size-20 text-[1.625rem]",
} as const;

/** Coloured initials. The colour comes from the id, so that a name that looks alike doesn't look the same. */
export function Avatar(props: {
  id: string;
  name: string;
  shape?: "person" | "group";
  size?: keyof typeof SIZES;
}) {
  const round = props.shape === "group" ? "rounded-[32%]" : "rounded-full";
  return (
    <span
      aria-hidden="true"
      data-hue={hueOf(props.id)}
      className={`hue inline-flex shrink-0 items-center justify-center font-semibold tracking-wide select-none ${round} ${SIZES[props.size ?? "medium"]}`}
    >
      {initials(props.name)}
    </span>
  );
}

/** Id -> 0..9, the colours of styles.css. */
export function hueOf(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 997;
  return sum % 10;
}

/** "sunday walk" -> "SW", "alice" -> "AL". */
function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = Array.from(words[0] ?? "?");
  const second = words[1] === undefined ? first[1] : Array.from(words[1])[0];
  return `${first[0] ?? "?"}${second ?? ""}`.toLocaleUpperCase();
}
