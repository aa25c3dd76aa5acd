export type Headers = Readonly<Record<string, string>>;

/** The one Trusted Types policy: `apps/web/src/bridge/script-url.ts` creates it, for this build's two worker scripts. */
const TRUSTED_TYPES_POLICY = "thicket-scripts";

/** What the app has no use for is closed to it, and so to whoever gets in. */
const CLOSED_FEATURES = [
  "accelerometer",
  "autoplay",
  "camera",
  "clipboard-read",
  "clipboard-write",
  "display-capture",
  "encrypted-media",
  "fullscreen",
  "gamepad",
  "geolocation",
  "gyroscope",
  "hid",
  "idle-detection",
  "local-fonts",
  "magnetometer",
  "microphone",
  "midi",
  "payment",
  "picture-in-picture",
  "publickey-credentials-create",
  "publickey-credentials-get",
  "screen-wake-lock",
  "serial",
  "storage-access",
  "sync-xhr",
  "usb",
  "window-management",
  "xr-spatial-tracking",
];

/**
 * What every file of the web app carries: its page, and its workers, whose own headers bind them. `scripts` are the
 * hashes of the page's scripts (`sha384-...`), as the build wrote them. Nothing else runs in the page, be it from this
 * origin; a worker loads its further chunks itself, which 'strict-dynamic' lets it. There is no fallback for browsers
 * that don't know hashes: those can't run the app, and 'unsafe-inline' for their sake would be a hole.
 */
export function appHeaders(options: { origins: readonly string[]; scripts: readonly string[] }): Headers {
  const { origins, scripts } = options;
  // 'self' covers ws: and wss: of the same host in current browsers; older Safari wants them named. An IPv6 address
  // has no spelling in a policy.
  const sockets = origins.filter((origin) => !origin.includes("[")).map((o) => o.replace(/^http/, "ws"));
  return headers(origins, [
    "default-src 'none'",
    `script-src ${scripts.map((hash) => `'${hash}'`).join(" ")} 'strict-dynamic'`,
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "font-src 'self'",
    ["connect-src 'self'", ...sockets].join(" "),
    "worker-src 'self'",
    "manifest-src 'self'",
    "object-src 'none'",
    "require-trusted-types-for 'script'",
    `trusted-types ${TRUSTED_TYPES_POLICY}`,
  ]);
}

/**
 * What every other answer carries: probes, refusals, bytes that people uploaded. Opened as a page, it can do nothing:
 * no script, no request, an origin of its own.
 */
export function bareHeaders(origins: readonly string[]): Headers {
  return headers(origins, ["default-src 'none'", "sandbox"]);
}

/** Nothing may be framed, embedded or opened across origins. */
function headers(origins: readonly string[], policy: readonly string[]): Headers {
  const secure = origins.length > 0 && origins.every((origin) => origin.startsWith("https:"));
  const directives = [
    ...policy,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    ...(secure ? ["upgrade-insecure-requests"] : []),
  ];
  return {
    "Content-Security-Policy": directives.join("; "),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": CLOSED_FEATURES.map((feature) => `${feature}=()`).join(", "),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    ...(secure ? { "Strict-Transport-Security": "max-age=63072000; includeSubDomains" } : {}),
  };
}
