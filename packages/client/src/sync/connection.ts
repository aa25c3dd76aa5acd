import type { Hello } from "@thicket/protocol";
import { forgetOldActs } from "../acts.ts";
import type { ConnectionView } from "../api.ts";
import { isRenewalDue, loginOf } from "../identity/log-in.ts";
import { takeAttestation } from "../identity/sign-up.ts";
import { type DeliveryLinkEvent, type LinkEvent, StoreError } from "../ports.ts";
import type { Runtime } from "../runtime.ts";
import { backOff, judgeFailure } from "./request-outcome.ts";
import { singleFlight } from "./single-flight.ts";
import { stockKeyPackages } from "./stock-key-packages.ts";
import { createTraffic, type Traffic } from "./traffic.ts";
import { takeWelcomes } from "./welcomes.ts";

/** A connection that was greeted; a new one is a new object. */
export interface Greeting {
  hello: Hello;
  socketId: string;
}

/** The client's connections to both services. */
export interface Connection {
  readonly traffic: Traffic;
  /** Begins to listen. */
  open(): void;
  close(): void;
  /** There is an account now: logs in where a greeting waits for it. */
  signedUp(): void;
  /** The AS's greeting, waited for as long as a person would; undefined where there is none by then. */
  authenticationGreeting(): Promise<Greeting | undefined>;
  /** Whether this device is logged in to the AS, waited for likewise. */
  authenticationLogin(): Promise<boolean>;
}

export interface ConnectionOptions {
  keyPackages: number;
}

/** Milliseconds that a command waits for a connection before it says that there is none. */
const PATIENCE = 10_000;
const RETRY = 1_000;
const RETRY_MAX = 60_000;

export function createConnection(runtime: Runtime, options: ConnectionOptions): Connection {
  const { ports } = runtime;
  const { clock, relay, authentication } = ports;
  let closed = false;
  let greeting: { ds: Greeting | undefined; as: Greeting | undefined } = { ds: undefined, as: undefined };
  let loggedIn: { ds: Greeting | undefined; as: Greeting | undefined } = { ds: undefined, as: undefined };
  const waiting = new Set<() => void>();
  const stopListening: (() => void)[] = [];
  let shown: ConnectionView["state"] = "connecting";
  let caughtUp = false;
  let welcomesTaken = false;
  let tidied = false;

  const traffic = createTraffic(runtime, {
    ended: () => welcomes(),
    arrived: () => showCaughtUp(),
  });

  const retries = new Map<string, { failures: number; cancel: (() => void) | undefined }>();
  /** Repeats what failed while this connection lasts. */
  function again(what: string, ask: () => void): void {
    const known = retries.get(what) ?? { failures: 0, cancel: undefined };
    if (known.cancel !== undefined || loggedIn.ds === undefined) return;
    const delay = backOff(known.failures, RETRY, RETRY_MAX);
    const cancel = clock.after(delay, () => {
      retries.set(what, { failures: known.failures + 1, cancel: undefined });
      ask();
    });
    retries.set(what, { failures: known.failures, cancel });
  }

  /** A full disk is said, and asked again: it may have room by then. */
  async function orAgain<T>(what: string, ask: () => void, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoreError && error.code === "STORE_QUOTA") again(what, ask);
      throw error;
    }
  }

  const welcomes = singleFlight(
    (work) => runtime.run("welcomes", work),
    async () => {
      if (loggedIn.ds === undefined || closed) return;
      // One that is joined takes its seat whatever becomes of the next.
      const take = () => takeWelcomes(runtime, (groupId) => traffic.attach(groupId));
      const done = await orAgain("welcomes", welcomes, take);
      if (!done) return again("welcomes", welcomes);
      retries.delete("welcomes");
      welcomesTaken = true;
      showCaughtUp();
    },
  );

  const keyPackages = singleFlight(
    (work) => runtime.run("key packages", work),
    async () => {
      if (loggedIn.ds === undefined || closed) return;
      const stock = () => stockKeyPackages(runtime, options.keyPackages);
      if (await orAgain("keyPackages", keyPackages, stock)) retries.delete("keyPackages");
      else again("keyPackages", keyPackages);
    },
  );

  function show(connection: ConnectionView): void {
    if (connection.state === shown && connection.state !== "refused") return;
    shown = connection.state;
    runtime.publish({ type: "connection", connection });
  }

  function showCaughtUp(): void {
    const now = loggedIn.ds !== undefined && welcomesTaken && traffic.isCaughtUp();
    if (now === caughtUp) return;
    caughtUp = now;
    runtime.publish({ type: "caughtUp", caughtUp });
  }

  function wake(): void {
    for (const go of waiting) go();
  }

  const logIn = singleFlight(
    (work) => runtime.run("log in", work),
    async () => {
      await logInToRelay();
      await logInToAuthentication();
      wake();
    },
  );

  async function logInToRelay(): Promise<void> {
    const current = greeting.ds;
    if (current === undefined || loggedIn.ds === current || closed) return;
    const login = await runtime.step(async (step) => {
      const account = step.account();
      return account?.state === "signedUp" ? loginOf(account, "ds", relay.origin, current) : undefined;
    });
    if (login === undefined) return;
    const reply = await runtime.wait(relay.login(login));
    if (greeting.ds !== current || closed) return;
    if (!reply.ok) {
      if (judgeFailure(reply.error).kind === "later") {
        clock.after(RETRY, () => greeting.ds === current && logIn());
        return;
      }
      show({ state: "refused", error: { code: "LOGIN_REFUSED" } });
      return;
    }
    loggedIn = { ...loggedIn, ds: current };
    show({ state: "online" });
    await traffic.connect();
    welcomes();
    keyPackages();
    showCaughtUp();
    if (tidied) return;
    tidied = true;
    runtime.run("tidy", () => runtime.step(forgetOldActs));
  }

  async function logInToAuthentication(): Promise<void> {
    const current = greeting.as;
    if (current === undefined || loggedIn.as === current || closed) return;
    const login = await runtime.step(async (step) => {
      const account = step.account();
      return account?.state === "signedUp"
        ? loginOf(account, "as", authentication.origin, current)
        : undefined;
    });
    if (login === undefined) return;
    const reply = await runtime.wait(authentication.login(login));
    if (greeting.as !== current || closed) return;
    if (!reply.ok) {
      if (judgeFailure(reply.error).kind === "later")
        clock.after(RETRY, () => greeting.as === current && logIn());
      return;
    }
    loggedIn = { ...loggedIn, as: current };
    wake();
    await renew(current.hello);
  }

  /** A fresh attestation at two thirds of the old one's life, and the AS's present keys. */
  async function renew(hello: Hello): Promise<void> {
    const due = await runtime.step(async (step) => {
      const account = step.account();
      return account !== undefined && isRenewalDue(account, step.now());
    });
    if (!due) return;
    const reply = await runtime.wait(authentication.request("attestation.renew", {}));
    if (!reply.ok) return;
    const taken = await runtime.step(async (step) => {
      const account = step.account();
      if (account === undefined) return false;
      return takeAttestation(step, { ...account, asKeys: hello.asKeys ?? account.asKeys }, reply.attestation);
    });
    if (!taken) ports.log("warn", "attestation not taken");
  }

  function down(service: "ds" | "as"): void {
    greeting = { ...greeting, [service]: undefined };
    loggedIn = { ...loggedIn, [service]: undefined };
    if (service === "ds") {
      traffic.disconnect();
      welcomesTaken = false;
      for (const { cancel } of retries.values()) cancel?.();
      retries.clear();
      showCaughtUp();
    }
    const signedUp = runtime.memory.account?.state === "signedUp";
    if (signedUp === (service === "ds")) show({ state: "offline", since: clock.now() });
  }

  function onLink(service: "ds" | "as", event: LinkEvent): void {
    switch (event.type) {
      case "greeted":
        if (service === "ds") traffic.disconnect();
        greeting = { ...greeting, [service]: { hello: event.hello, socketId: event.socketId } };
        loggedIn = { ...loggedIn, [service]: undefined };
        // Before there is an account, whoever is greeted by the AS can sign up.
        if (service === "as" && runtime.memory.account?.state !== "signedUp") show({ state: "online" });
        wake();
        logIn();
        return;
      case "down":
        return down(service);
      case "refused":
        down(service);
        return show({ state: "refused", error: { code: event.code } });
    }
  }

  function onRelay(event: DeliveryLinkEvent): void {
    if (closed) return;
    switch (event.type) {
      case "greeted":
      case "down":
      case "refused":
        return onLink("ds", event);
      case "entries":
        return traffic.takeEntries(event.event);
      case "acked":
        return traffic.takeAcked(event.event);
      case "welcome":
        return welcomes();
      case "keyPackagesLow":
        return keyPackages();
    }
  }

  /** Resolves once `ready` gives something, or with undefined when patience ends. */
  function until<T>(ready: () => T | undefined): Promise<T | undefined> {
    const now = ready();
    if (now !== undefined) return Promise.resolve(now);
    return new Promise((resolve) => {
      const settle = (value: T | undefined) => {
        waiting.delete(look);
        cancel();
        resolve(value);
      };
      const look = () => {
        const value = ready();
        if (value !== undefined) settle(value);
      };
      waiting.add(look);
      const cancel = clock.after(PATIENCE, () => settle(undefined));
    });
  }

  return {
    traffic,
    open() {
      stopListening.push(relay.listen(onRelay));
      stopListening.push(authentication.listen((event) => closed || onLink("as", event)));
    },
    close() {
      closed = true;
      for (const stop of stopListening) stop();
      down("ds");
    },
    signedUp: () => logIn(),
    authenticationGreeting: () => until(() => greeting.as),
    authenticationLogin: async () =>
      (await until(() => (loggedIn.as === undefined ? undefined : true))) ?? false,
  };
}
