import { useEffect, useState } from "react";

/** The code of an invite link, `/#invite=CODE`. After the # it is in no request and no log of a server. */
function inviteInAddress(): string {
  return new URLSearchParams(location.hash.slice(1)).get("invite")?.slice(0, 128) ?? "";
}

/** The code in the field: from the link, also one that is followed while the page is open, until something else is typed. */
export function useInvite() {
  const [invite, setInvite] = useState(inviteInAddress);
  useEffect(() => {
    const onHashChange = () => inviteInAddress() !== "" && setInvite(inviteInAddress());
    addEventListener("hashchange", onHashChange);
    return () => removeEventListener("hashchange", onHashChange);
  }, []);
  return [invite, setInvite] as const;
}

/** For who has an account: until then a reload finds the code again. */
export function clearInvite(): void {
  if (inviteInAddress() !== "") history.replaceState(history.state, "", location.pathname + location.search);
}
