/** The leaf mark of the icons, in the colour of its surroundings. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 512 512" aria-hidden="true" className={className}>
      <path className="fill-leaf opacity-55" d="M256 404C163 401 96 343 88 226c98 9 165 74 168 178Z" />
      <path className="fill-leaf opacity-75" d="M256 404c93-3 160-61 168-178-98 9-165 74-168 178Z" />
      <path className="fill-leaf" d="M256 410c-90-84-98-212 0-324 98 112 90 240 0 324Z" />
      <path
        className="stroke-paper"
        fill="none"
        strokeWidth="12"
        strokeLinecap="round"
        d="M256 404V190m0 140 40-44m-40 2-34-38"
      />
      <path className="stroke-leaf" fill="none" strokeWidth="18" strokeLinecap="round" d="M256 404v38" />
    </svg>
  );
}
