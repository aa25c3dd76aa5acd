import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";
import { hashScripts } from "./src/build/hash-scripts.ts";

const relay = process.env["THICKET_RELAY"] ?? "http://localhost:8080";

export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    hashScripts(),
    VitePWA({
      strategies: "injectManifest",
      srcDir: "src/service-worker",
      filename: "service-worker.ts",
      // `bridge/app-update.ts` registers it: an injected inline script would need a hole in the CSP.
      injectRegister: null,
      registerType: "prompt",
      includeManifestIcons: false, // The pattern below has them.
      manifest: {
        id: "/",
        name: "Thicket",
        short_name: "Thicket",
        description: "Private group chat, end-to-end encrypted.",
        start_url: "/",
        scope: "/",
        display: "standalone",
        background_color: "#f6f4ee",
        theme_color: "#14402f",
        categories: ["communication", "social"],
        icons: [
          { src: "/icon.svg", sizes: "any", type: "image/svg+xml", purpose: "any" },
          { src: "/icon-192.png", sizes: "192x192", type: "image/png", purpose: "any" },
          { src: "/icon-512.png", sizes: "512x512", type: "image/png", purpose: "any" },
          { src: "/icon-maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
        ],
      },
      injectManifest: {
        globPatterns: ["**/*.{js,css,html,svg,png,woff2}"],
        maximumFileSizeToCacheInBytes: 8 * 1024 * 1024,
      },
    }),
  ],
  build: {
    target: "es2024",
    // The relay's CSP allows files of the build only: nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: {
    port: 5173,
    proxy: { "/socket.io": { target: relay, ws: true }, "/blobs": relay },
  },
});
