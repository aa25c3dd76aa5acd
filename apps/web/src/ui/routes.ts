/** Where the person is. Kept in the address, so that Back works and a reload comes back to the same place. */
export type Page =
  | { page: "home" }
  | { page: "conversation"; conversationId: string; members: boolean }
  | { page: "settings" };

/** A dialog over the page; Back closes it. */
export type Overlay = "new" | "find";

export type Route = Page & { overlay: Overlay | undefined };

/** Path and query -> route. An address that means nothing is home. */
export function parseRoute(path: string, query = ""): Route {
  const overlay = parseOverlay(new URLSearchParams(query).get("open"));
  const [first, second, third, ...rest] = path.split("/").filter((part) => part !== "");
  if (rest.length === 0) {
    if (first === "settings" && second === undefined) return { page: "settings", overlay };
    if (first === "c" && second !== undefined && /^[0-9a-f]+$/.test(second)) {
      if (third === undefined)
        return { page: "conversation", conversationId: second, members: false, overlay };
      if (third === "members")
        return { page: "conversation", conversationId: second, members: true, overlay };
    }
  }
  return { page: "home", overlay };
}

/** Route -> path and query; the inverse of `parseRoute`. */
export function formatRoute(route: Page & { overlay?: Overlay | undefined }): string {
  const query = route.overlay ? `?open=${route.overlay}` : "";
  switch (route.page) {
    case "home":
      return `/${query}`;
    case "settings":
      return `/settings${query}`;
    case "conversation":
      return `/c/${route.conversationId}${route.members ? "/members" : ""}${query}`;
  }
}

function parseOverlay(value: string | null): Overlay | undefined {
  return value === "new" || value === "find" ? value : undefined;
}
