// Clients in a real Chromium, on a page of another origin than the service's: send, check, verify, look.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { startBrowser } from "../support/chromium.ts";
import { describeInBrowser } from "../support/describe-in-browser.ts";
import { esbuild } from "../support/esbuild.ts";

const START_TIMEOUT_MS = 60_000;
const ERRAND = fileURLToPath(new URL("client-errand.ts", import.meta.url));

jest.setTimeout(60_000);

describeInBrowser("in Chromium, on another origin", () => {
  let browser: Browser;
  let application: TestApplication;
  let app: Server;
  let page: Page;
  const contentTypes = new Set<string>();

  beforeAll(async () => {
    const script = await esbuild(ERRAND, "--format=iife", "--platform=browser");
    app = createServer((_, response) => {
      response
        .setHeader("content-type", "text/html; charset=utf-8")
        .end(`<!doctype html><script>${script}</script>`);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => app.once("listening", resolve));
    browser = await startBrowser();
    // connect-node knows no text mode.
    application = await startTestApplication({ env: { COUNTERSIGN_DIRECT_UNARY: "on" } });
    page = await browser.newPage();
    page.on("request", (request) => {
      const type = request.headers()["content-type"];
      if (request.method() === "POST" && type !== undefined) contentTypes.add(type);
    });
    await page.goto(`http://127.0.0.1:${(app.address() as AddressInfo).port}`);
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await browser.close();
    await application.stop();
    app.closeAllConnections();
    await new Promise((resolve) => app.close(resolve));
    expect(application.errors).toEqual([]);
  });

  test.each([
    ["our client over gRPC-Web", "grpc-web", "application/grpc-web+proto"],
    ["our client over Connect", "connect", "application/json"],
    ["Google's grpc-web, binary", "google-binary", "application/grpc-web+proto"],
    ["Google's grpc-web, text", "google-text", "application/grpc-web-text"],
  ])("%s", async (_name, kind, contentType) => {
    contentTypes.clear();
    const errand = { kind, url: application.url, token: application.token, email: `${kind}@example.com` };
    expect(await page.evaluate(`errand(${JSON.stringify(errand)})`)).toEqual({
      before: false,
      wrong: "CODE_INVALID",
      after: true,
    });
    expect([...contentTypes]).toEqual([contentType]);
  });
});
