/** The code of an invite link, `/#invite=CODE`. After the # it is in no request and no log of a server. */
export function inviteInAddress(): string {
  return new URLSearchParams(location.hash.slice(1)).get("invite")?.slice(0, 128) ?? "";
}

/** Once it has served: until then a reload finds it again. */
export function clearInvite(): void {
  if (inviteInAddress() !== "") history.replaceState(history.state, "", location.pathname + location.search);
}
