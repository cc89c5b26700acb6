/** docs/events.md against the service: its examples are run, its table is that of the code. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { EVENT_TYPES, shownPayload } from "../../src/rpc/event-payloads.ts";
import { jsonObjects, openDocumentedPage, type DocumentedPage } from "../support/documented-page.ts";

let page: DocumentedPage;

beforeAll(async () => {
  page = await openDocumentedPage("events.md");
});
afterAll(() => page.close());

test("the examples do what the page says", async () => {
  expect(page.examples).toHaveLength(3);
  expect(jsonObjects(await page.runExamples())).toMatchObject([
    { userId: "ada" },
    { events: expect.arrayContaining([expect.objectContaining({ type: "user.human.email.code.added" })]) },
    { events: [{ type: "user.human.added", aggregate: { id: "ada" } }] },
    { events: [{ aggregate: { id: "ada" } }], nextPageToken: expect.any(String) },
    { position: "1" },
    { position: "2" },
    { position: "3" },
  ]);
}, 60_000);

test("the table has every type, and every field that is shown", () => {
  const rows = [...page.text.matchAll(/^\| `([a-z.]+\.[a-z.]+)` \| (.*?) \|/gm)].map(
    ([, type = "", fields = ""]) => ({
      type,
      fields: [...fields.matchAll(/`(\w+)`/g)].map(([, field = ""]) => field),
    }),
  );
  expect(rows.map(({ type }) => type).toSorted()).toEqual(EVENT_TYPES.toSorted());
  for (const { type, fields } of rows) {
    const everything = new Proxy({}, { get: (_target, field) => String(field) });
    expect([type, Object.keys(shownPayload(type, everything)).toSorted()]).toEqual([type, fields.toSorted()]);
  }
});
