/** What people and the world do, at random but by the seed: the acts of one run. */
import type { ConversationView } from "@thicket/client";
import { GroupId } from "@thicket/protocol";
import { CALM, ROUGH } from "./faulty-network.ts";
import type { Dice } from "./seeded-random.ts";
import type { Asked, Person, World } from "./world.ts";

/** What the schedule remembers of a run. */
export interface Story {
  /** Every message that somebody typed, with its answer once there is one. */
  typed: { author: Person; asked: Asked; text: string; conversationId: string }[];
  /** Groups and 1:1 chats that were asked for. */
  founded: number;
  counts: Record<string, number>;
}

export function createStory(): Story {
  return { typed: [], founded: 0, counts: {} };
}

interface ActRule {
  name: string;
  weight: number;
  /** False where it makes no sense now. */
  run(world: World, story: Story): Promise<boolean>;
}

/** More conversations than this would be met too seldom to go wrong. */
const MOST_CONVERSATIONS = 4;

const ACTS: readonly ActRule[] = [
  { name: "sign up", weight: 30, run: signUp },
  { name: "start a 1:1", weight: 3, run: startDirect },
  { name: "start a 1:1 both at once", weight: 3, run: startDirectBoth },
  { name: "start a group", weight: 6, run: startGroup },
  { name: "invite", weight: 14, run: invite },
  { name: "remove", weight: 5, run: remove },
  { name: "leave", weight: 2, run: leave },
  { name: "rename", weight: 6, run: rename },
  { name: "set admin", weight: 8, run: setAdmin },
  { name: "send", weight: 45, run: send },
  { name: "send several", weight: 6, run: sendSeveral },
  { name: "two change the group at once", weight: 10, run: changeAtOnce },
  { name: "offline", weight: 5, run: goOffline },
  { name: "online", weight: 12, run: goOnline },
  { name: "crash now", weight: 3, run: crashNow },
  { name: "crash soon", weight: 6, run: crashSoon },
  { name: "start again", weight: 20, run: startAgain },
  { name: "restart the relay", weight: 1, run: restartRelay },
  { name: "weather", weight: 2, run: changeWeather },
  { name: "wait", weight: 6, run: wait },
  { name: "an hour passes", weight: 1, run: passAnHour },
];

/** One act, and a while after it: short, so that the next often comes before this one is through. */
export async function actOnce(world: World, story: Story): Promise<void> {
  const { dice } = world;
  for (let tries = 0; tries < 20; tries++) {
    const act = pickByWeight(dice);
    if (!(await act.run(world, story))) continue;
    story.counts[act.name] = (story.counts[act.name] ?? 0) + 1;
    break;
  }
  await world.run(dice.chance(0.4) ? dice.int(10) : dice.int(400));
}

function pickByWeight(dice: Dice): ActRule {
  const total = ACTS.reduce((sum, act) => sum + act.weight, 0);
  let rest = dice.int(total);
  for (const act of ACTS) {
    rest -= act.weight;
    if (rest < 0) return act;
  }
  throw new Error("weights");
}

async function signUp(world: World): Promise<boolean> {
  const person = maybe(
    world,
    (one) => running(one) && accountOf(one) === undefined && one.asked.length === 0,
  );
  if (!person) return false;
  await world.give(person, { type: "signUp", handle: person.handle });
  return true;
}

async function startDirect(world: World, story: Story): Promise<boolean> {
  const person = maybe(world, signedUp);
  if (!person || story.founded >= MOST_CONVERSATIONS) return false;
  const peer = world.dice.pick(world.people.filter((other) => other !== person));
  story.founded++;
  await start(world, person, undefined, [peer.handle]);
  return true;
}

async function startDirectBoth(world: World, story: Story): Promise<boolean> {
  const one = maybe(world, signedUp);
  const other = maybe(world, (candidate) => candidate !== one && signedUp(candidate));
  if (!one || !other || story.founded >= MOST_CONVERSATIONS) return false;
  story.founded++;
  await start(world, one, undefined, [other.handle]);
  await start(world, other, undefined, [one.handle]);
  return true;
}

async function startGroup(world: World, story: Story): Promise<boolean> {
  const { dice } = world;
  const person = maybe(world, signedUp);
  if (!person || story.founded >= MOST_CONVERSATIONS) return false;
  story.founded++;
  const handles = world.people
    .filter((other) => other !== person && dice.chance(0.5))
    .map((other) => other.handle);
  await start(world, person, `group ${story.founded}`, handles);
  return true;
}

async function start(
  world: World,
  person: Person,
  title: string | undefined,
  handles: string[],
): Promise<void> {
  await world.give(person, {
    type: "startConversation",
    groupId: parseGroupId(world.dice.hex(32)),
    title,
    handles,
  });
}

async function invite(world: World): Promise<boolean> {
  const place = maybePlace(world, (view) => view.kind === "group" && view.may.add);
  if (!place) return false;
  const handles = world.people
    .filter((other) => !isMember(place.view, other) && world.dice.chance(0.6))
    .map((other) => other.handle);
  if (handles.length === 0) return false;
  await world.give(place.person, {
    type: "inviteMembers",
    conversationId: place.view.conversationId,
    handles,
  });
  return true;
}

async function remove(world: World): Promise<boolean> {
  const place = maybePlace(
    world,
    (view) => view.kind === "group" && view.may.remove && view.members.length > 1,
  );
  if (!place) return false;
  await giveRemove(world, place);
  return true;
}

async function giveRemove(world: World, { person, view }: Place): Promise<void> {
  const self = accountOf(person)?.userId;
  const others = view.members.filter((member) => member.userId !== self);
  const { userId } = world.dice.pick(others);
  await world.give(person, { type: "removeMember", conversationId: view.conversationId, userId });
}

async function leave(world: World): Promise<boolean> {
  const place = maybePlace(world, (view) => view.kind === "group");
  if (!place) return false;
  await world.give(place.person, { type: "leaveConversation", conversationId: place.view.conversationId });
  return true;
}

async function rename(world: World): Promise<boolean> {
  const place = maybePlace(world, (view) => view.kind === "group" && view.may.rename);
  if (!place) return false;
  await giveRename(world, place);
  return true;
}

async function giveRename(world: World, { person, view }: Place): Promise<void> {
  const title = `named ${world.dice.hex(2)}`;
  await world.give(person, { type: "renameConversation", conversationId: view.conversationId, title });
}

async function setAdmin(world: World): Promise<boolean> {
  const place = maybePlace(world, (view) => view.kind === "group" && view.may.setAdmin);
  if (!place) return false;
  const member = world.dice.pick(place.view.members);
  await world.give(place.person, {
    type: "setAdmin",
    conversationId: place.view.conversationId,
    userId: member.userId,
    admin: !member.admin,
  });
  return true;
}

/** Two who both may, in one moment: one of them loses the epoch and does it again. */
async function changeAtOnce(world: World): Promise<boolean> {
  const first = maybePlace(
    world,
    (view) => view.kind === "group" && view.may.rename && view.members.length > 1,
  );
  if (!first) return false;
  const second = maybePlace(
    world,
    (view, person) =>
      person !== first.person &&
      view.conversationId === first.view.conversationId &&
      view.may.rename &&
      view.members.length > 1,
  );
  if (!second) return false;
  await giveRename(world, first);
  await (second.view.may.remove && world.dice.chance(0.3)
    ? giveRemove(world, second)
    : giveRename(world, second));
  return true;
}

async function send(world: World, story: Story): Promise<boolean> {
  const place = maybePlace(world, (view) => view.may.send);
  if (!place) return false;
  await type(world, story, place);
  return true;
}

async function sendSeveral(world: World, story: Story): Promise<boolean> {
  const place = maybePlace(world, (view) => view.may.send);
  if (!place) return false;
  for (let count = 2 + world.dice.int(4); count > 0; count--) await type(world, story, place);
  return true;
}

async function type(world: World, story: Story, { person, view }: Place): Promise<void> {
  if (!running(person)) return;
  const text = `${person.name} ${story.typed.length + 1}`;
  const { conversationId } = view;
  const asked = await world.give(person, { type: "sendMessage", conversationId, text });
  story.typed.push({ author: person, asked, text, conversationId });
}

async function goOffline(world: World): Promise<boolean> {
  const person = maybe(world, (one) => one.online);
  if (!person) return false;
  await world.setOnline(person, false);
  return true;
}

async function goOnline(world: World): Promise<boolean> {
  const person = maybe(world, (one) => !one.online);
  if (!person) return false;
  await world.setOnline(person, true);
  return true;
}

async function crashNow(world: World): Promise<boolean> {
  const person = maybe(world, running);
  if (!person) return false;
  await world.kill(person);
  return true;
}

/** The place is passed by whatever this program does next. */
async function crashSoon(world: World): Promise<boolean> {
  const person = maybe(world, running);
  person?.program?.life.dieAt(1 + world.dice.int(6));
  return person !== undefined;
}

async function startAgain(world: World): Promise<boolean> {
  const person = maybe(world, (one) => !running(one));
  if (!person) return false;
  await world.start(person);
  return true;
}

async function restartRelay(world: World): Promise<boolean> {
  await world.restartRelay();
  return true;
}

async function changeWeather(world: World): Promise<boolean> {
  world.network.conditions = world.network.conditions === CALM ? ROUGH : CALM;
  return true;
}

async function wait(world: World): Promise<boolean> {
  await world.run(world.dice.int(5_000));
  return true;
}

/** Long enough for the relay to erase what everybody has. */
async function passAnHour(world: World): Promise<boolean> {
  await world.run(61 * 60_000);
  return true;
}

interface Place {
  person: Person;
  view: ConversationView;
}

function running(person: Person): boolean {
  return person.program !== undefined;
}

function accountOf(person: Person) {
  const account = person.program?.client.view().account;
  return account?.state === "signedUp" ? account.account : undefined;
}

function signedUp(person: Person): boolean {
  return accountOf(person) !== undefined;
}

function isMember(view: ConversationView, person: Person): boolean {
  const userId = accountOf(person)?.userId;
  return view.members.some((member) => member.userId === userId);
}

function maybe(world: World, fits: (person: Person) => boolean): Person | undefined {
  const fitting = world.people.filter(fits);
  return fitting.length === 0 ? undefined : world.dice.pick(fitting);
}

function maybePlace(
  world: World,
  fits: (view: ConversationView, person: Person) => boolean,
): Place | undefined {
  const places = world.people.flatMap((person) =>
    Object.values(person.program?.client.view().conversations ?? {})
      .filter((view) => view.membership.state === "member" && fits(view, person))
      .map((view) => ({ person, view })),
  );
  return places.length === 0 ? undefined : world.dice.pick(places);
}

export function parseGroupId(text: string): GroupId {
  const result = GroupId["~standard"].validate(text);
  if (result instanceof Promise || result.issues) throw new Error("a group id is 32 bytes");
  return result.value;
}
