import { setTimeout as sleep } from "node:timers/promises";
import type { Stage, StageNode } from "../stage/stage.ts";
import type { Fault } from "./draw-faults.ts";

/** Makes the fault happen; resolves once it is over. Faults may overlap. */
export async function playFault(stage: Stage, fault: Fault): Promise<void> {
  const node = stage.nodes[fault.node];
  if (node === undefined) return;
  const { relay, proxy, clock } = node;
  switch (fault.kind) {
    case "cut":
      return proxy.cut(fault.share);
    case "cut-mid-frame":
      return proxy.cutMidFrame(fault.share);
    case "delay":
      return proxy.delay(fault.share, fault.ms);
    case "swallow-answers":
      return proxy.swallowAnswers(fault.share, fault.ms);
    case "refuse":
      proxy.refuse(true);
      await sleep(fault.ms);
      return proxy.refuse(false);
    case "pause":
      relay.pause(true);
      await sleep(fault.ms);
      return relay.pause(false);
    case "kill":
    case "stop":
      return inTurn(node, async () => {
        await (fault.kind === "kill" ? relay.kill() : relay.stop());
        await sleep(fault.ms);
        await startAgain(node);
      });
    case "kill-database":
    case "kill-redis": {
      const server = fault.kind === "kill-redis" ? stage.servers?.redis : stage.servers?.postgres;
      if (server === undefined) return;
      return inTurn(server, async () => {
        await server.kill();
        await sleep(fault.ms);
        // It doesn't come up while the disk is full.
        stage.disk.free();
        await server.restart();
      });
    }
    case "fill-disk":
      stage.disk.fill?.(fault.free);
      await sleep(fault.ms);
      return stage.disk.free();
    case "jump-clock":
      return clock.jump?.(fault.seconds);
  }
}

const turns = new WeakMap<object, Promise<void>>();

/** One life and death of the same process after the other. */
function inTurn(process: object, run: () => Promise<void>): Promise<void> {
  const turn = (turns.get(process) ?? Promise.resolve()).then(run);
  turns.set(process, turn);
  return turn;
}

const TRIES = 60;

/** A node may refuse to come up, by name, while the disk is full or the database is gone; it must once they are back. */
async function startAgain({ relay }: StageNode): Promise<void> {
  for (let tried = 1; !relay.isRunning(); tried++) {
    try {
      await relay.start();
    } catch (error) {
      const refuses = error instanceof Error && /^[A-Z_]+: /mu.test(error.message);
      if (tried >= TRIES || !refuses) throw error;
      await sleep(500);
    }
  }
}
