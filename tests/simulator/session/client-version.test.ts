import { afterEach, beforeEach, expect, test } from "vitest";
import { type Control, startControl } from "../../../simulator/control/server.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { caller, endScene, type Scene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let scene: Scene;
let control: Control;

beforeEach(async () => {
  scene = await startScene({ client: { version: [2, 3000, 1_044_000_000] } });
  control = await startControl(scene.wa);
});

afterEach(async () => {
  await control.stop();
  await endScene(scene.wa, scene.client);
});

/** Connects a client. Returns the code with which the server rejects the client. */
async function rejectionCode(client: Client): Promise<number | undefined> {
  const closed = client.next((update) => update.connection === "close");
  client.connect();
  return (await closed).code;
}

test("the simulator refuses to link a client below the minimum for linking, but lets linked clients log in", async () => {
  const { wa, alice, client } = scene;
  await client.pair(alice);
  await client.close();
  wa.world.versions.minimum.link = [2, 3000, 1_044_000_001];
  await client.login();
  const newcomer = new Client(wa, { version: [2, 3000, 1_044_000_000] });
  expect(await rejectionCode(newcomer)).toBe(405);
  await newcomer.close();
  expect(wa.world.versions.seen.at(-1)).toEqual({ purpose: "link", version: "2.3000.1044000000", refused: true });
});

test("the simulator refuses the login of a client below the minimum for logins, and keeps its link", async () => {
  const { wa, alice, client } = scene;
  await client.pair(alice);
  await client.close();
  wa.world.versions.minimum.login = [2, 3001, 0];
  expect(await rejectionCode(client)).toBe(405);
  wa.world.versions.minimum.login = [2, 2999, 4_000_000_000];
  await client.login();
});

test("the simulator accepts the default version of Baileys by default", async () => {
  const plain = new Client(scene.wa);
  await plain.pair(scene.bob);
  await plain.close();
});

test("the control API changes and shows the client versions", async () => {
  const call = caller(control);
  const { wa, alice, client } = scene;
  const page = async () => {
    const response = await fetch(new URL("/sw.js", wa.url.replace("ws:", "http:")));
    return { status: response.status, body: await response.text() };
  };
  const change = {
    minimum: { login: "2.3000.1044000001", link: "2.3000.1044000002" },
    published: "2.3000.1044000003",
    pageFault: { answer: { status: 503, body: "later" } },
  };
  const { status, json } = await call("PATCH", "/client-versions", change);
  expect({ status, json }).toMatchObject({
    status: 200,
    json: { minimum: change.minimum, published: change.published },
  });
  expect(await page()).toEqual({ status: 503, body: "later" });
  expect((await page()).body).toContain('client_revision\\":1044000003');
  expect(await rejectionCode(client)).toBe(405);
  expect((await call("GET", "/client-versions")).json).toMatchObject({
    pages: 2,
    seen: [{ purpose: "link", version: "2.3000.1044000000", refused: true }],
  });
  expect((await call("PATCH", "/client-versions", { published: "latest" })).status).toBe(400);
  await call("PATCH", "/client-versions", { minimum: { link: "2.3000.1044000000", login: "2.3000.1044000000" } });
  await client.pair(alice);
});

test("the simulator accepts any client version after the rules about versions are relaxed", async () => {
  const { wa, alice, client } = scene;
  wa.world.versions.minimum = { login: [2, 3001, 0], link: [2, 3001, 0] };
  wa.world.rules.relax("link_version");
  wa.world.rules.relax("login_version");
  await client.pair(alice);
  expect(wa.world.versions.seen.map(({ refused }) => refused)).toEqual([false, false]);
});
