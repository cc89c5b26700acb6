import { describe, expect, test } from "@jest/globals";
import { Readiness, type ReadinessOptions } from "../../../src/rpc/readiness.ts";
import { createHealthzPage, createReadyzPage } from "../../../src/web/health-pages.ts";

const healthy: ReadinessOptions = {
  store: { isHealthy: () => true, getMetadata: () => Promise.resolve(undefined) },
  hasKey: () => Promise.resolve(true),
};
const ok = { database: "ok", writer: "ok", key: "ok" };

function get(path: string, method = "GET"): Request {
  return new Request(`http://localhost${path}`, { method });
}

describe("/readyz", () => {
  test.each<[string, Partial<ReadinessOptions>, object]>([
    ["a writer that fails", { store: { ...healthy.store, isHealthy: () => false } }, { writer: "failing" }],
    [
      "a database that cannot be read",
      { store: { ...healthy.store, getMetadata: () => Promise.reject(new Error("disk I/O error")) } },
      { database: "failing" },
    ],
    [
      "a reader that throws at once",
      {
        store: {
          ...healthy.store,
          getMetadata: () => {
            throw new Error("the database connection is not open");
          },
        },
      },
      { database: "failing" },
    ],
    ["a key that does not fit", { hasKey: () => Promise.resolve(false) }, { key: "failing" }],
    [
      "a key that cannot be checked",
      { hasKey: () => Promise.reject(new Error("secret")) },
      { key: "failing" },
    ],
  ])("%s: 503, named, and no more said", async (_what, change, failing) => {
    const answer = await createReadyzPage(new Readiness({ ...healthy, ...change }))(get("/readyz"));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ status: "unhealthy", checks: { ...ok, ...failing } });
  });

  test("a process that stops is not ready, however healthy", async () => {
    const readiness = new Readiness(healthy);
    const page = createReadyzPage(readiness);
    expect((await page(get("/readyz"))).status).toBe(200);
    readiness.stop();
    const answer = await page(get("/readyz"));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ status: "stopping", checks: ok });
    expect(readiness.isServing()).toBe(false);
  });
});

describe.each([
  ["/healthz", createHealthzPage()],
  ["/readyz", createReadyzPage(new Readiness(healthy))],
])("%s", (path, page) => {
  test("is not kept by caches", async () => {
    expect((await page(get(path))).headers.get("cache-control")).toBe("no-store");
  });

  test("answers HEAD without a body, and nothing but GET and HEAD", async () => {
    const head = await page(get(path, "HEAD"));
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const post = await page(get(path, "POST"));
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});
