import type { WireErrorCode } from "@thicket/protocol";
import { describeOnEachKeptDatabase, inspect } from "@thicket/storage/contract";
import { expect, test } from "vitest";
import { createInvite, type AuthenticationServiceOptions } from "../index.ts";
import { bytesFrom, DAY, NOW, newPlace, openService, person, place } from "../testing/people.ts";

const refusal = (code: WireErrorCode) => ({ ok: false, error: { code } });

describeOnEachKeptDatabase("[AS-INVITE-1] signing up by invitation", (make) => {
  async function open(registration: "open" | "invite" | "closed") {
    const where = newPlace(make);
    const clock = { now: NOW * 1000 };
    const options: Partial<AuthenticationServiceOptions> = { registration, now: () => clock.now };
    const service = await openService(where, options);
    let codes = 0;
    const invite = (uses: number, days = 7) =>
      createInvite({
        database: where.database,
        uses,
        days,
        now: () => clock.now,
        random: { bytes: (length) => bytesFrom(`code ${codes++}`, length) },
      });
    const register = async (name: string, code?: string) => {
      const request = await (await person(name)).request();
      return service.register({ ...request, ...(code === undefined ? {} : { invite: code }) }, place.nonce);
    };
    return { where, clock, service, invite, register };
  }

  test("takes so many as the code was made for, also of those who come at the same moment, and no more", async () => {
    const { invite, register } = await open("invite");
    const code = await invite(3);
    const names = ["alice", "bobby", "carol", "david", "emily", "frank"];
    const replies = await Promise.all(names.map((name) => register(name, code)));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(3);
    for (const reply of replies) if (!reply.ok) expect(reply).toEqual(refusal("INVITE_REFUSED"));
    // Somebody who is in is answered alike again, and uses up nothing.
    const inside = names.filter((_, index) => replies[index]?.ok);
    for (const name of inside) expect((await register(name)).ok).toBe(true);
  });

  test("refuses no code, a wrong one and one that is over, and a refusal uses nothing up", async () => {
    const { clock, invite, register, service } = await open("invite");
    const code = await invite(1, 2);
    expect(await register("alice")).toEqual(refusal("INVITE_REFUSED"));
    expect(await register("alice", `${code}x`)).toEqual(refusal("INVITE_REFUSED"));
    expect((await register("alice", code)).ok).toBe(true);
    // The handle is taken: the code is still good.
    const another = await invite(1, 2);
    const late = await invite(1, 2);
    const twin = { ...(await (await person("other")).request({ handle: "alice" })), invite: another };
    expect(await service.register(twin, place.nonce)).toEqual(refusal("HANDLE_TAKEN"));
    expect((await register("carol", another)).ok).toBe(true);
    clock.now += 2 * DAY * 1000;
    expect(await register("bobby", late)).toEqual(refusal("INVITE_REFUSED"));
  });

  test("a closed service takes nobody new, and everybody who is there already", async () => {
    const { where, clock, register, service } = await open("open");
    expect((await register("alice")).ok).toBe(true);
    await service.close();
    const closed = await openService(where, { registration: "closed", now: () => clock.now });
    const again = async (name: string) => closed.register(await (await person(name)).request(), place.nonce);
    expect((await again("alice")).ok).toBe(true);
    expect(await again("bobby")).toEqual(refusal("REGISTRATION_CLOSED"));
  });

  test("the database holds a hash of the code and not the code", async () => {
    const { where, invite } = await open("invite");
    const code = await invite(5);
    const rows = await inspect(where.database, "SELECT * FROM invites");
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(code);
    expect([Number(rows[0]?.["uses_left"]), Number(rows[0]?.["expires_at"])]).toEqual([5, NOW + 7 * DAY]);
  });
});
