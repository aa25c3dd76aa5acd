import type { TimelineItem } from "@thicket/client";
import { checkAtRest, type PersonEnd, type TakenMessage, type Violation } from "./check.ts";
import { CALM, ROUGH } from "./faulty-network.ts";
import { actOnce, createStory, type Story } from "./schedule.ts";
import type { SeedOptions, SeedResult } from "./seed.ts";
import { createWorld, type Person, type World } from "./world.ts";

const NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"];

const HOUR = 60 * 60_000;

/** Runs one seed: acts and faults, then a whole network until all is at rest, then the invariants. Never throws. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const names = Array.from({ length: options.clients }, (_, index) => NAMES[index] ?? `person${index}`);
  const world = await createWorld({ seed: `seed ${options.seed}`, names, conditions: ROUGH });
  const story = createStory();
  const violation = await play(world, story, options.steps).catch((error: unknown) => ({
    invariant: "THROWN",
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }));
  const result: SeedResult = {
    seed: options.seed,
    traceHash: world.trace.hash(),
    failure: violation && { ...violation, trace: world.trace.tail(100_000) },
    counts: { ...story.counts, "messages on the wire": world.seals.messages() },
  };
  await world.close();
  return result;
}

async function play(world: World, story: Story, steps: number): Promise<Violation | undefined> {
  for (const person of world.people) {
    // No verdict may hang on a local clock (PIT-1).
    if (world.dice.chance(0.5)) person.clockSkew = world.dice.int(4 * HOUR) - 2 * HOUR;
    await world.start(person);
  }
  for (let step = 0; step < steps; step++) {
    world.trace.line(`step ${step}`);
    await actOnce(world, story);
    const early = checkMeanwhile(world);
    if (early) return early;
  }
  if (!(await heal(world))) return { invariant: "AT-REST", detail: "does not come to rest" };
  return checkMeanwhile(world) ?? (await checkEnd(world, story));
}

/** The network is whole, everybody runs and is connected anew. */
export async function heal(world: World): Promise<boolean> {
  world.trace.line("the network heals");
  world.network.conditions = CALM;
  for (const person of world.people) {
    person.program?.life.dieAt(Infinity);
    if (person.program === undefined) await world.start(person);
    await world.setOnline(person, false);
    await world.setOnline(person, true);
  }
  return world.rest();
}

/** An act that was allowed when it was asked for may no longer be when its turn comes. */
const EXPECTED_PROBLEMS: ReadonlySet<string> = new Set(["NOT_ALLOWED"]);

/** What must hold at every moment. */
function checkMeanwhile(world: World): Violation | undefined {
  const reuse = world.seals.reuses()[0];
  if (reuse !== undefined)
    return { invariant: "GENERATION", detail: `a key encrypted two messages: ${reuse}` };
  const read = world.relay.overread();
  if (read !== undefined) return { invariant: "SEAT", detail: read };
  const fault = world.relay.faults()[0];
  if (fault !== undefined) return { invariant: "RELAY", detail: fault };
  for (const person of world.people) {
    const problem = person.problems.find(({ code }) => !EXPECTED_PROBLEMS.has(code));
    if (problem)
      return { invariant: "PROBLEM", detail: `${person.name}: ${problem.code} ${problem.subject ?? ""}` };
    const error = person.errors[0];
    if (error !== undefined) return { invariant: "PROBLEM", detail: `${person.name} logs ${error}` };
  }
  return undefined;
}

/** The invariants at rest: the first that is broken. */
export async function checkEnd(world: World, story: Story): Promise<Violation | undefined> {
  const unanswered = world.people.find((person) => person.asked.length > 0);
  if (unanswered)
    return {
      invariant: "ANSWERED",
      detail: `${unanswered.name}: ${unanswered.asked[0]?.command.type} has no answer`,
    };
  const people: PersonEnd[] = [];
  for (const person of world.people) {
    const end = await endOf(world, person);
    if (end) people.push(end);
  }
  return checkAtRest(people, takenMessages(story))[0];
}

function takenMessages(story: Story): TakenMessage[] {
  return story.typed.flatMap(({ author, asked, text, conversationId }) => {
    if (asked.reply?.ok !== true) return [];
    const messageId = asked.command.commandId;
    return [{ author: author.name, conversationId, messageId, text, sent: author.sent.has(messageId) }];
  });
}

async function endOf(world: World, person: Person): Promise<PersonEnd | undefined> {
  const view = person.program?.client.view();
  if (view?.account.state !== "signedUp") return undefined;
  const { userId, deviceId } = view.account.account;
  const conversations = [];
  for (const conversation of Object.values(view.conversations)) {
    const timeline = await wholeTimeline(world, person, conversation.conversationId);
    conversations.push({ view: conversation, timeline });
  }
  return { name: person.name, userId, deviceId, conversations };
}

/** Page by page, as a screen does. Oldest first. */
export async function wholeTimeline(
  world: World,
  person: Person,
  conversationId: string,
): Promise<TimelineItem[]> {
  let items: TimelineItem[] = [];
  for (;;) {
    const before = items[0]?.position;
    const reply = await world.ask(person, { type: "loadTimeline", conversationId, before, limit: 200 });
    if (!reply.ok || !reply.timeline)
      throw new Error(`${person.name}: loadTimeline ${JSON.stringify(reply)}`);
    items = [...reply.timeline.items, ...items];
    if (reply.timeline.reachedStart) return items;
  }
}
