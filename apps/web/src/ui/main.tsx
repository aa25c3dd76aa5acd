import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { watchAppUpdates } from "../bridge/app-update.ts";
import { connectClient } from "../bridge/connect-client.ts";
import { App } from "./app.tsx";
import { toastError, toasts } from "./components/toasts.tsx";
import { connectStore } from "./store/store.ts";
import { applyTheme } from "./store/theme.ts";
import "./styles.css";

applyTheme();
connectStore(connectClient(), toastError);
watchAppUpdates((update) =>
  toasts.add({
    id: "update",
    title: "A new version is ready",
    description: "It takes a second; nothing is lost.",
    timeout: 0,
    actionProps: { children: "Update now", onClick: () => update.accept() },
  }),
);

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
