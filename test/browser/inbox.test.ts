// The dev inbox in a real Chromium: what a developer does with it, and what a mail must not do to it.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { startBrowser } from "../support/chromium.ts";
import { describeInBrowser } from "../support/describe-in-browser.ts";

const START_TIMEOUT_MS = 60_000;
/** Sets a mark where it may run. Names are cut, and left out with what looks like a link in them. */
const ATTACK = "<script>ran=1</script><img src=x onerror=ran=1>";

jest.setTimeout(30_000);

describeInBrowser("in Chromium", () => {
  let browser: Browser;
  let application: TestApplication;
  let templates: string;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    templates = await mkdtemp(join(tmpdir(), "countersign-templates-"));
    browser = await startBrowser();
    application = await startTestApplication();
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await browser.close();
    await application.stop();
    await rm(templates, { recursive: true });
  });

  async function pageOf(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext(options);
    contexts.push(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    return page;
  }
  const faults: string[] = [];

  async function holds(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  let users = 0;

  /** Mails a code to a new user. */
  async function mailTo(email: string, givenName = "Ada", on = application): Promise<void> {
    users += 1;
    const profile = { givenName, familyName: "Lovelace", displayName: `${givenName} Lovelace` };
    const user = {
      userId: `user${users}`,
      username: `user${users}`,
      profile,
      email: { email, sendCode: {} },
    };
    const response = await fetch(`${on.url}/v2/users/human`, {
      method: "POST",
      headers: { authorization: `Bearer ${on.token}`, "content-type": "application/json" },
      body: JSON.stringify(user),
    });
    expect(response.status).toBe(200);
  }

  /** The mail to an address, as the inbox has it in JSON. */
  async function kept(email: string): Promise<Record<string, string>> {
    const query = new URLSearchParams({ to: email, timeout: "20s" });
    const response = await fetch(`${application.url}/countersign/v1/inbox/wait?${query.toString()}`, {
      headers: { authorization: `Bearer ${application.token}` },
    });
    return ((await response.json()) as { mail: Record<string, string> }).mail;
  }

  test("a mail shows up by itself, its code is copied, its link opens", async () => {
    await mailTo("first@example.com");
    await kept("first@example.com");
    const page = await pageOf({ permissions: ["clipboard-read", "clipboard-write"] });
    await page.goto(`${application.url}/inbox`);
    await page.locator(".status.live").waitFor();
    await mailTo("live@example.com");
    const item = page.locator(".mail", { hasText: "live@example.com" });
    await item.waitFor();
    expect(await page.locator("#status").textContent()).toContain("New mail. To live@example.com");
    const { code, link } = await kept("live@example.com");
    expect(await item.locator(".code").textContent()).toBe(code);
    await item.getByRole("button", { name: "Copy code" }).click();
    await item.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(code);
    await item.getByRole("button", { name: "Copy link" }).click();
    await holds(async () => (await page.evaluate("navigator.clipboard.readText()")) === link);

    const [verification] = await Promise.all([
      page.waitForEvent("popup"),
      item.getByRole("link", { name: "Open link" }).click(),
    ]);
    await verification.getByRole("button", { name: "Verify email address" }).click();
    await verification.getByText("Thank you, your email address is verified.").waitFor();
  });

  test("a mail's page has its HTML, whose links open, its text and its source", async () => {
    await mailTo("parts@example.com");
    const { code = "", text = "", mailId = "" } = await kept("parts@example.com");
    const page = await pageOf();
    await page.goto(`${application.url}/inbox?search=parts`);
    await page.getByRole("link", { name: "Verify your email address" }).click();
    const frame = page.frameLocator("iframe");
    await frame.getByText(code, { exact: true }).waitFor();
    const [verification] = await Promise.all([
      page.waitForEvent("popup"),
      frame.getByRole("link", { name: "Verify email address" }).click(),
    ]);
    expect(await verification.locator("#code").inputValue()).toBe(code);
    await page.getByRole("link", { name: "Text", exact: true }).click();
    expect((await page.locator("pre").textContent())?.trim()).toBe(text.trim());
    await page.getByRole("link", { name: "Source" }).click();
    await page.locator("pre", { hasText: `Message-ID: <${mailId}@localhost>` }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download as .eml" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`mail-${mailId}.eml`);
  });

  test("the list is searched while one types, and stays live", async () => {
    await mailTo("needle@example.com");
    await mailTo("hay@example.com");
    await kept("hay@example.com");
    const page = await pageOf();
    await page.goto(`${application.url}/inbox`);
    const addresses = async () =>
      (await page.locator(".meta").allTextContents()).map((text) => text.split(" ")[1]);
    await page.locator(".status.live").waitFor();
    await page.getByRole("searchbox").pressSequentially("NEEDLE");
    await holds(async () => (await page.locator(".mail").count()) === 1);
    expect(await addresses()).toEqual(["needle@example.com"]);
    expect(new URL(page.url()).search).toBe("?search=NEEDLE");
    await mailTo("other-hay@example.com");
    await mailTo("second-needle@example.com");
    await page.locator(".mail", { hasText: "second-needle" }).waitFor();
    expect(await addresses()).toEqual(["second-needle@example.com", "needle@example.com"]);
    await page.reload();
    expect(await page.getByRole("searchbox").inputValue()).toBe("NEEDLE");
  });

  test("works by keyboard alone, and keeps its place when mails come", async () => {
    await mailTo("keys@example.com");
    await kept("keys@example.com");
    const page = await pageOf();
    await page.goto(`${application.url}/inbox?search=keys`);
    await page.locator(".status.live").waitFor();
    const focused = () => page.evaluate("document.activeElement.textContent.trim()");
    const reach = async (name: string) => {
      for (let presses = 0; presses < 10 && (await focused()) !== name; presses += 1) {
        await page.keyboard.press("Tab");
      }
    };
    await reach("Copy link");
    expect(await focused()).toBe("Copy link");
    await mailTo("more-keys@example.com");
    await page.locator(".mail", { hasText: "more-keys" }).waitFor();
    expect(await focused()).toBe("Copy link");
    const holder = "document.activeElement.closest('.mail').querySelector('.meta').textContent";
    expect(await page.evaluate(holder)).toContain("To keys@example.com");
    await page.goto(`${application.url}/inbox?search=more-keys`);
    await reach("Verify your email address");
    await page.keyboard.press("Enter");
    await page.locator("iframe").waitFor();
  });

  test("without JavaScript it is a list, with nothing that does nothing", async () => {
    await mailTo("plain@example.com");
    const { code = "" } = await kept("plain@example.com");
    const page = await pageOf({ javaScriptEnabled: false });
    await page.goto(`${application.url}/inbox`);
    await page.getByRole("searchbox").fill("plain@");
    await page.getByRole("button", { name: "Search" }).click();
    await page.locator(".code", { hasText: code }).waitFor();
    expect(await page.getByRole("button").allTextContents()).toEqual(["Search"]);
    await page.getByRole("link", { name: "Verify your email address" }).click();
    await page.frameLocator("iframe").getByText(code, { exact: true }).waitFor();
  });

  test("nothing in a mail runs or loads, be it a name or a whole template", async () => {
    const requests: string[] = [];
    const sink = createServer((request, response) => {
      requests.push(request.url ?? "");
      response.end();
    });
    await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
    const { port } = sink.address() as AddressInfo;
    // What a start refuses to take, and what it does not know of.
    const template = `<!doctype html><p>{{code}}</p>{{link}}<p id="template">{{name}}</p>`;
    await writeFile(join(templates, "verification.html.mustache"), template);
    const other = await startTestApplication({ env: { COUNTERSIGN_MAIL_TEMPLATES: templates } });
    try {
      await mailTo("evil@example.com", ATTACK, other);
      const page = await pageOf();
      await page.route("**/inbox/mail/html*", async (route) => {
        const answer = await route.fetch();
        const evil = `${ATTACK}<script>top.ran = parent.ran = 1</script><img src="http://127.0.0.1:${port}/img"><link rel=stylesheet href="http://127.0.0.1:${port}/css">
          <iframe src="http://127.0.0.1:${port}/frame"></iframe><form action="http://127.0.0.1:${port}/form"><button>Send</button></form>
          <a href="javascript:top.ran=1">run</a><meta http-equiv=refresh content="0;url=http://127.0.0.1:${port}/refresh">`;
        await route.fulfill({ response: answer, body: (await answer.text()) + evil });
      });
      await page.goto(`${other.url}/inbox`);
      await page.getByRole("link", { name: "Verify your email address" }).click();
      const frame = page.frameLocator("iframe");
      await frame.locator("#template", { hasText: ATTACK }).waitFor();
      await frame.getByRole("button", { name: "Send" }).click();
      await frame.getByRole("link", { name: "run" }).click();
      // The mail's own frame, which never loads, is one as well.
      const marks = () => Promise.all(page.frames().map((each) => each.evaluate("window.ran ?? 'not run'")));
      expect(await marks()).toEqual(["not run", "not run", "not run"]);
      for (const view of ["text", "source"]) {
        await page.goto(`${page.url().replace(/&view=.*/, "")}&view=${view}`);
        expect(await marks()).toEqual(["not run"]);
      }
      expect(page.context().pages()).toHaveLength(1);
      expect(requests).toEqual([]);
    } finally {
      await other.stop();
      await new Promise((resolve) => sink.close(resolve));
    }
  });

  test("another site's page reads nothing, by no way", async () => {
    await mailTo("secret@example.com");
    const { mailId = "" } = await kept("secret@example.com");
    const page = await pageOf();
    // Another port of this machine: the same site to a browser, another origin.
    const elsewhere = createServer((_request, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<p>elsewhere");
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    try {
      await page.goto(`http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`);
      const got = await page.evaluate(`(async () => {
        const url = ${JSON.stringify(application.url)};
        const tries = ["/inbox", "/inbox?format=json", "/inbox/mail?id=${mailId}", "/inbox/mail/html?id=${mailId}",
          "/inbox/mail/source?id=${mailId}", "/inbox/news"];
        const read = (path, mode) => fetch(url + path, { mode }).then((answer) => answer.text(), () => "");
        const load = (name) => new Promise((resolve) => {
          const element = document.createElement(name);
          element.onload = () => resolve("loaded");
          element.onerror = () => resolve("");
          element.src = url + "/inbox/inbox.js";
          document.body.append(element);
        });
        const frame = document.createElement("iframe");
        frame.src = url + "/inbox";
        document.body.append(frame);
        await new Promise((resolve) => { frame.onload = resolve; });
        let framed = "";
        try { framed = frame.contentDocument?.body.textContent ?? ""; } catch {}
        return [...await Promise.all(tries.flatMap((path) => [read(path, "cors"), read(path, "no-cors")])),
          await load("script"), await load("img"), framed];
      })()`);
      expect((got as string[]).filter((text) => text !== "")).toEqual([]);
    } finally {
      await page.close();
      await new Promise((resolve) => elsewhere.close(resolve));
    }
  });

  test.each([
    ["light", 320],
    ["dark", 320],
    ["light", 1200],
    ["dark", 1200],
  ] as const)("in %s, %i px wide, everything fits", async (colorScheme, width) => {
    const long = `a-very-long-address+with-a-tag-of-a-test-run@mail.subdomain.of.a-company-${width}-${colorScheme}.example`;
    await mailTo(long);
    const { mailId = "" } = await kept(long);
    const page = await pageOf({ colorScheme, viewport: { width, height: 800 } });
    for (const path of ["", "?search=nobody", `/mail?id=${mailId}`, `/mail?id=${mailId}&view=source`]) {
      await page.goto(`${application.url}/inbox${path}`);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    }
  });

  test("beyond loopback the admin token opens it, and signing out closes it", async () => {
    const env = { COUNTERSIGN_LISTEN: "0.0.0.0:0", COUNTERSIGN_DEV_INBOX: "on" };
    const closed = await startTestApplication({ env });
    try {
      await mailTo("far@example.com", "Ada", closed);
      const page = await pageOf();
      await page.goto(`${closed.url}/inbox?search=far`);
      await page.getByLabel("Admin token").fill("not the token");
      await page.getByRole("button", { name: "Open the inbox" }).click();
      await page.getByText("This is not the admin token.").waitFor();
      await page.getByLabel("Admin token").fill(closed.token);
      await page.getByLabel("Admin token").press("Enter");
      await page.locator(".mail", { hasText: "far@example.com" }).waitFor();
      expect(new URL(page.url()).search).toBe("?search=far");
      expect(await page.evaluate("document.cookie")).toBe("");
      await page.locator(".status.live").waitFor();
      await mailTo("farther@example.com", "Ada", closed);
      await page.locator(".mail", { hasText: "farther@example.com" }).waitFor();
      await page.getByRole("link", { name: "Verify your email address" }).first().click();
      await page.frameLocator("iframe").locator(".code").waitFor();
      await page.goBack();
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Admin token").waitFor();
      expect(await page.content()).not.toContain("far@example.com");
    } finally {
      await closed.stop();
    }
  });

  test("no page had a fault of its own", () => {
    const ours = faults.filter(
      (text) => !/Content Security Policy|net::ERR|status of 40[13]|sandboxed|CORS/.test(text),
    );
    expect(ours).toEqual([]);
  });
});
