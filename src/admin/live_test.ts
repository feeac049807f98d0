import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { LiveFeed } from "./live.ts";

Deno.test("a reader finds what came after its place, in order", () => {
  const feed = new LiveFeed({ clock: new FakeClock() });
  feed.publish({ type: "settings" });
  const { position } = feed;
  feed.publish({ type: "keys", provider: "Gitee" });
  feed.publish({ type: "health", route: "Gitee/flux" });
  const news = feed.since(position);
  assert.deepEqual(news.events.map(({ event }) => event.type), ["keys", "health"]);
  assert.equal(news.missed, false);
  assert.deepEqual(feed.since(news.events.at(-1)!.position).events, []);
});

Deno.test("events that say the same are told once, the last time they came", () => {
  const feed = new LiveFeed({ clock: new FakeClock() });
  for (let i = 0; i < 1000; i++) feed.publish({ type: "stats" });
  feed.publish({ type: "keys", provider: "Gitee" });
  feed.publish({ type: "keys", provider: "Doubao" });
  feed.publish({ type: "stats" });
  assert.deepEqual(feed.since(0).events.map(({ event }) => event), [
    { type: "keys", provider: "Gitee" },
    { type: "keys", provider: "Doubao" },
    { type: "stats" },
  ]);
  assert.equal(feed.since(0).missed, false);
});

Deno.test("a reader who is behind what is kept is told so", () => {
  const feed = new LiveFeed({ clock: new FakeClock(), capacity: 3 });
  for (let job = 0; job < 10; job++) feed.publish({ type: "jobs", job });
  assert.deepEqual(feed.since(0).events.map(({ event }) => event.job), [7, 8, 9]);
  assert.equal(feed.since(0).missed, true);
  assert.equal(feed.since(7).missed, false);
});

Deno.test("subscribers are woken until they leave", () => {
  const feed = new LiveFeed({ clock: new FakeClock() });
  let woken = 0;
  {
    using _subscription = feed.subscribe(() => woken++);
    feed.publish({ type: "stats" });
    feed.publish({ type: "stats" });
  }
  feed.publish({ type: "stats" });
  assert.equal(woken, 2);
});
