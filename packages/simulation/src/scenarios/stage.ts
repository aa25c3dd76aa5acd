/** What a scenario needs to read as a story: people who act one after the other on a calm network. */
import type { CommandReply, ConversationView } from "@thicket/client";
import { CALM, type Conditions } from "../faulty-network.ts";
import type { AccountId } from "@thicket/protocol";
import { checkEnd, heal, wholeTimeline } from "../run-seed.ts";
import { createStory, parseGroupId, type Story } from "../schedule.ts";
import { createWorld, type Act, type Person, type Snapshot, type World } from "../world.ts";

export interface Stage {
  world: World;
  person(name: string): Person;
  signUp(...people: Person[]): Promise<void>;
  /** The conversation's id, once the founder is a member. */
  startGroup(founder: Person, title: string, invited: Person[]): Promise<string>;
  startDirect(one: Person, other: Person): Promise<string>;
  /** Both begin in one moment, and neither waits for the network. */
  startBoth(one: Person, other: Person): Promise<void>;
  /** Does it and lets the world come to rest; throws where it is refused. */
  act(person: Person, act: Act): Promise<CommandReply>;
  say(person: Person, conversationId: string, text: string): Promise<void>;
  /** Gives the act without waiting for the network. */
  begin(person: Person, act: Act): Promise<void>;
  beginSaying(person: Person, conversationId: string, text: string): Promise<void>;
  view(person: Person, conversationId: string): ConversationView;
  userId(person: Person): AccountId;
  /** Messages as "author: text", oldest first, and what happened as "(type)". */
  lines(person: Person, conversationId: string): Promise<string[]>;
  /** Nothing is under way any more. */
  rest(): Promise<void>;
  /** The same, and whoever dies meanwhile starts again. */
  restWithRestarts(): Promise<void>;
  /** The network heals, all come back, and every invariant holds; throws the first that doesn't. */
  end(ending?: { keepOpen: boolean }): Promise<void>;
  story: Story;
}

export async function openStage(
  seed: string,
  names: string[],
  options: { conditions?: Conditions; from?: Snapshot } = {},
): Promise<Stage> {
  const world = await createWorld({ seed, names, conditions: CALM, ...options });
  const story = createStory();
  const stage: Stage = {
    world,
    story,
    person: (name) => world.person(name),
    async signUp(...people) {
      for (const person of people) {
        if (person.program === undefined) await world.start(person);
        await stage.act(person, { type: "signUp", handle: person.handle });
      }
    },
    async startGroup(founder, title, invited) {
      const groupId = parseGroupId(world.dice.hex(32));
      const handles = invited.map((person) => person.handle);
      const reply = await stage.act(founder, { type: "startConversation", groupId, title, handles });
      return idIn(reply);
    },
    async startDirect(one, other) {
      const groupId = parseGroupId(world.dice.hex(32));
      const handles = [other.handle];
      return idIn(await stage.act(one, { type: "startConversation", groupId, title: undefined, handles }));
    },
    async startBoth(one, other) {
      for (const [person, peer] of [
        [one, other],
        [other, one],
      ] as const) {
        const groupId = parseGroupId(world.dice.hex(32));
        const handles = [peer.handle];
        await world.give(person, { type: "startConversation", groupId, title: undefined, handles });
      }
    },
    async act(person, act) {
      const reply = await world.ask(person, act);
      await stage.rest();
      if (!reply.ok) throw new Error(`${person.name}: ${act.type}: ${reply.error.code}`);
      return reply;
    },
    async say(person, conversationId, text) {
      await stage.beginSaying(person, conversationId, text);
      await stage.rest();
    },
    async begin(person, act) {
      await world.give(person, act);
    },
    async beginSaying(person, conversationId, text) {
      const asked = await world.give(person, { type: "sendMessage", conversationId, text });
      story.typed.push({ author: person, asked, text, conversationId });
    },
    view(person, conversationId) {
      const view = person.program?.client.view().conversations[conversationId];
      if (!view) throw new Error(`${person.name} has no conversation ${conversationId.slice(0, 8)}`);
      return view;
    },
    userId(person) {
      const account = person.program?.client.view().account;
      if (account?.state !== "signedUp") throw new Error(`${person.name} has no account`);
      return account.account.userId;
    },
    async lines(person, conversationId) {
      const handles = person.program?.client.view().people ?? {};
      const items = await wholeTimeline(world, person, conversationId);
      return items.map((item) => {
        if (item.kind === "event") return `(${item.event.type})`;
        const name = Object.values(handles).find(({ userId }) => userId === item.author)?.handle ?? "?";
        return `${name}: ${item.body.type === "text" ? item.body.text : item.body.type}`;
      });
    },
    async rest() {
      if (!(await world.rest())) throw new Error("does not come to rest");
    },
    async restWithRestarts() {
      await stage.rest();
      for (const person of world.people) {
        if (person.program !== undefined || person.runs === 0) continue;
        await world.start(person);
        await stage.rest();
      }
    },
    async end(ending) {
      if (!(await heal(world))) throw new Error("does not come to rest");
      const violation = await checkEnd(world, story);
      if (ending?.keepOpen !== true) await world.close();
      if (violation) throw new Error(`${violation.invariant}: ${violation.detail}`);
    },
  };
  return stage;
}

function idIn(reply: CommandReply): string {
  if (!reply.ok || reply.conversationId === undefined) throw new Error("no conversation in the reply");
  return reply.conversationId;
}
