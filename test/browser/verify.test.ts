// The verification page in a real Chromium: what a person does there, and what a scanner may do without harm.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { pageLocale, PAGE_LOCALES } from "../../src/web/verify/page-locales.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { startBrowser } from "../support/chromium.ts";
import { describeInBrowser } from "../support/describe-in-browser.ts";

const START_TIMEOUT_MS = 60_000;
const MAX_PAGE_BYTES = 30_000;
const MAX_ASSETS = 3;
const WIDTHS_PX = [320, 360, 768, 1440];
const PROCEDURE = "/zitadel.user.v2.UserService/VerifyEmail";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

jest.setTimeout(60_000);

interface Invited {
  readonly userId: string;
  readonly code: string;
  readonly link: string;
}

describeInBrowser("in Chromium", () => {
  let browser: Browser;
  let application: TestApplication;
  /** Where people come from, and where links lead on to: another origin than the page's. */
  let elsewhere: Server;
  let elsewhereUrl: string;
  let elsewherePage = "<title>the app</title>";
  const contexts: BrowserContext[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    elsewhere = createServer((_, response) => {
      response.setHeader("content-type", "text/html").end(elsewherePage);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => elsewhere.once("listening", resolve));
    elsewhereUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    browser = await startBrowser();
    application = await startTestApplication({ env: { COUNTERSIGN_VERIFY_REDIRECT_HOSTS: "127.0.0.1" } });
  }, START_TIMEOUT_MS);
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser.close();
    await application.stop();
    elsewhere.closeAllConnections();
    await new Promise((resolve) => elsewhere.close(resolve));
    expect(application.errors).toEqual([]);
  });

  /** @param expected errors of the console that belong to the test */
  async function pageOf(options: BrowserContextOptions = {}, expected = /^$/): Promise<Page> {
    const context = await browser.newContext({ locale: "en-GB", ...options });
    contexts.push(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !expected.test(message.text())) faults.push(message.text());
    });
    return page;
  }

  async function call(verb: string, path: string, body?: object): Promise<Record<string, never>> {
    const response = await fetch(application.url + path, {
      method: verb,
      headers: { authorization: `Bearer ${application.token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Record<string, never>;
  }

  let users = 0;

  /** A new user, and the code and link of the mail that SendEmailCode led to. */
  async function invite(urlTemplate?: string): Promise<Invited> {
    users += 1;
    const userId = `user${users}`;
    const email = `user${users}@example.com`;
    const profile = { givenName: "Ada", familyName: "Lovelace" };
    await call("POST", "/v2/users/human", { userId, profile, email: { email, isVerified: false } });
    const sendCode = urlTemplate === undefined ? {} : { urlTemplate };
    await call("POST", `/v2/users/${userId}/email/send`, { sendCode });
    const { mail } = (await call("GET", `/countersign/v1/inbox/wait?to=${email}&timeout=20s`)) as unknown as {
      mail: { code: string; link: string };
    };
    // The user's events so far: added, code added, code sent.
    while ((await sequence(userId)) !== "3") await new Promise((resolve) => setTimeout(resolve, 10));
    return { userId, ...mail };
  }

  async function isVerified(userId: string): Promise<boolean> {
    const { user } = (await call("GET", `/v2/users/${userId}`)) as unknown as {
      user: { human: { email: { isVerified?: boolean } } };
    };
    return user.human.email.isVerified ?? false;
  }

  async function sequence(userId: string): Promise<string> {
    const { user } = (await call("GET", `/v2/users/${userId}`)) as unknown as {
      user: { details: { sequence: string } };
    };
    return user.details.sequence;
  }

  const button = (page: Page) => page.getByRole("button", { name: "Verify email address" });
  const heading = (page: Page, name: string) => page.getByRole("heading", { name });

  /** What axe finds, where scripts may be brought in. */
  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(AXE);
    return page.evaluate(
      "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ html }) => html).join()))",
    );
  }

  /** Whether something is wider than the screen, or lies on something else. */
  async function layoutFaults(page: Page): Promise<string[]> {
    return page.evaluate(`(() => {
      const faults = [];
      const { scrollWidth, clientWidth } = document.documentElement;
      if (scrollWidth > clientWidth) faults.push("wider than the screen: " + scrollWidth);
      const shown = [...document.querySelectorAll("main :is(h1, h2, p, label, input, button, a, img)")]
        .filter((element) => element.checkVisibility() && element.type !== "hidden")
        .map((element) => ({ element, box: element.getBoundingClientRect() }));
      for (const { element, box } of shown) {
        if (box.left < 0 || box.right > clientWidth) faults.push("beyond the edge: " + element.outerHTML);
        if (element.scrollWidth > element.clientWidth + 1 && element.tagName !== "INPUT") faults.push("cut: " + element.outerHTML);
        for (const other of shown) {
          if (other.element === element || other.element.contains(element) || element.contains(other.element)) continue;
          const { box: b } = other;
          if (box.left < b.right - 1 && b.left < box.right - 1 && box.top < b.bottom - 1 && b.top < box.bottom - 1) {
            faults.push("on top of each other: " + element.outerHTML + other.element.outerHTML);
          }
        }
      }
      return faults;
    })()`);
  }

  /** Answers the page's next calls with a status of gRPC; with undefined, holds them. */
  async function answerCalls(page: Page, status: string | undefined): Promise<void> {
    await page.route(`**${PROCEDURE}`, async (route) => {
      if (status === undefined) return;
      const headers = { "content-type": "application/grpc-web+proto", "grpc-status": status };
      await route.fulfill({ headers, body: "" });
    });
  }

  test("the mail's link, the button: the address is verified, and stays so when the button is pressed again", async () => {
    const { userId, link, code } = await invite();
    const page = await pageOf();
    const calls: string[] = [];
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (request.method() === "POST") calls.push(`${pathname} ${request.headers()["content-type"]}`);
    });
    await page.goto(link);
    expect(await page.locator("#code").inputValue()).toBe(code);
    expect(calls).toEqual([]);
    expect(await isVerified(userId)).toBe(false);
    await button(page).click();
    await heading(page, "Email address verified").waitFor();
    expect(calls).toEqual([`${PROCEDURE} application/grpc-web+proto`]);
    expect(await isVerified(userId)).toBe(true);
    expect(await page.title()).toBe("Email address verified");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Email address verified");

    await page.goto(link);
    await button(page).click();
    await heading(page, "Email address verified").waitFor();
  });

  test("the code leaves the address bar at once, and a reload asks for it", async () => {
    const { link, userId } = await invite();
    const page = await pageOf();
    await page.goto(link);
    const { searchParams } = new URL(page.url());
    expect([...searchParams.keys()].toSorted()).toEqual(["orgId", "userId"]);
    expect(searchParams.get("userId")).toBe(userId);
    expect(await page.evaluate("history.length")).toBe(2);
    await page.reload();
    await page.getByText("Type the code from your email").waitFor();
  });

  test.each(["ABC-DEF", " abc def ", "\u00A0abcdef\u200B\n"])(
    "a code is pasted as %j, and the keyboard does the rest",
    async (shape) => {
      const { userId, code, link } = await invite();
      const symbols = code.split("");
      const pasted = shape.replace(/[a-f]/gi, (letter) => {
        const symbol = symbols.shift() ?? "";
        return letter === letter.toLowerCase() ? symbol.toLowerCase() : symbol;
      });
      const page = await pageOf({ permissions: ["clipboard-read", "clipboard-write"] });
      await page.goto(link.replace(/code=[^&]*&/, ""));
      await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(pasted)})`);
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.id")).toBe("code");
      await page.keyboard.press("Control+V");
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.id")).toBe("button");
      await page.keyboard.press("Enter");
      await heading(page, "Email address verified").waitFor();
      expect(await isVerified(userId)).toBe(true);
    },
  );

  test("a wrong code is refused with a way on, and the right one typed after it verifies", async () => {
    const { userId, code, link } = await invite();
    const page = await pageOf();
    await page.goto(link.replace(/code=[^&]*/, "code=WRONG2"));
    await button(page).click();
    await heading(page, "This code cannot be used").waitFor();
    await page.getByText("ask the app that sent you the email for a new code").waitFor();
    const input = page.getByLabel("Code from the email");
    expect(await input.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    expect(await input.getAttribute("aria-invalid")).toBe("true");
    expect(await isVerified(userId)).toBe(false);
    await input.fill(code);
    await page.keyboard.press("Enter");
    await heading(page, "Email address verified").waitFor();
    expect(await isVerified(userId)).toBe(true);
  });

  test("nothing typed is asked for", async () => {
    const { link, userId } = await invite();
    const page = await pageOf();
    await page.goto(link.replace(/code=[^&]*/, "code="));
    await page.locator("#code").fill("   ");
    await button(page).click();
    await heading(page, "Type the code from the email first.").waitFor();
    expect(await sequence(userId)).toBe("3");
  });

  test("offline nothing is lost: back online, the button works", async () => {
    const { userId, link } = await invite();
    const page = await pageOf();
    await page.goto(link);
    await page.context().setOffline(true);
    await button(page).click();
    await heading(page, "You are offline").waitFor();
    await page.context().setOffline(false);
    await heading(page, "You are offline").waitFor({ state: "hidden" });
    expect(await isVerified(userId)).toBe(false);
    await button(page).click();
    await heading(page, "Email address verified").waitFor();
  });

  test("while the service is away the page says so, and the button works afterwards", async () => {
    const { link } = await invite();
    const page = await pageOf({}, /ERR_CONNECTION_REFUSED|503/);
    await page.goto(link);
    await page.route(`**${PROCEDURE}`, (route) => route.abort("connectionrefused"));
    await button(page).click();
    await heading(page, "Not possible right now").waitFor();
    await page.unroute(`**${PROCEDURE}`);
    await page.route(`**${PROCEDURE}`, (route) => route.fulfill({ status: 503, body: "<h1>no</h1>" }));
    await button(page).click();
    await heading(page, "Not possible right now").waitFor();
    await page.unroute(`**${PROCEDURE}`);
    await button(page).click();
    await heading(page, "Email address verified").waitFor();
  });

  test("a refusal for the moment is waited for", async () => {
    const { link } = await invite();
    const page = await pageOf();
    await page.goto(link);
    let refused = 0;
    await page.route(`**${PROCEDURE}`, async (route) => {
      if (refused++ > 1) return route.continue();
      const headers = {
        "content-type": "application/grpc-web+proto",
        "grpc-status": "14",
        "grpc-retry-pushback-ms": "50",
      };
      return route.fulfill({ headers, body: "" });
    });
    await button(page).click();
    await heading(page, "Email address verified").waitFor();
    expect(refused).toBe(3);
  });

  test("pressing twice asks once", async () => {
    const { link } = await invite();
    const page = await pageOf();
    let asked = 0;
    await page.route(`**${PROCEDURE}`, async (route) => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
      await route.continue();
    });
    await page.goto(link);
    await page.locator("#button").dblclick();
    await page.getByText("Checking the code").waitFor();
    expect(await page.locator("#button").getAttribute("aria-disabled")).toBe("true");
    await page.locator("#button").press("Enter");
    await heading(page, "Email address verified").waitFor();
    expect(asked).toBe(1);
  });

  test("without scripts the form does it all", async () => {
    const { userId, code, link } = await invite();
    const page = await pageOf({ javaScriptEnabled: false }, /400/);
    await page.goto(link.replace(/code=[^&]*/, "code=WRONG2"));
    await button(page).click();
    await heading(page, "This code cannot be used").waitFor();
    expect(new URL(page.url()).search).toBe("");
    expect(await isVerified(userId)).toBe(false);
    await page.getByLabel("Code from the email").fill(` ${code.toLowerCase()} `);
    await button(page).click();
    await heading(page, "Email address verified").waitFor();
    expect(await isVerified(userId)).toBe(true);
  });

  test("another site's form is turned away", async () => {
    const { userId, code } = await invite();
    elsewherePage = `<form method="post" action="${application.url}/verify">
      <input name="userId" value="${userId}"><input name="code" value="${code}"><button>Win a prize</button></form>`;
    const page = await pageOf({}, /403/);
    await page.goto(elsewhereUrl);
    await page.getByRole("button").click();
    await heading(page, "Not accepted").waitFor();
    expect(await isVerified(userId)).toBe(false);
  });

  test("a scanner that opens every link, runs its scripts and waits spends nothing", async () => {
    const { userId, code, link } = await invite();
    for (const method of ["GET", "HEAD", "OPTIONS"]) await fetch(link, { method });
    await fetch(link, { headers: { "sec-purpose": "prefetch;prerender", purpose: "prefetch" } });
    const before = await sequence(userId);
    for (let visit = 0; visit < 3; visit += 1) {
      const page = await pageOf();
      await page.clock.install();
      await page.goto(link, { waitUntil: "networkidle" });
      await page.clock.runFor(60_000);
      await page.mouse.move(100, 200);
      await page.mouse.wheel(0, 500);
      for (const anchor of await page.locator("a").all()) expect(await anchor.isVisible()).toBe(false);
      await page.close();
    }
    expect(await isVerified(userId)).toBe(false);
    expect(await sequence(userId)).toBe(before);
    const page = await pageOf();
    await page.goto(link);
    expect(await page.locator("#code").inputValue()).toBe(code);
    await button(page).click();
    await heading(page, "Email address verified").waitFor();
    expect(await isVerified(userId)).toBe(true);
  });

  test("the page leads on to where its link says, unless one stays", async () => {
    elsewherePage = "<title>the app</title>";
    const next = `${elsewhereUrl}/welcome`;
    const { link } = await invite();
    const page = await pageOf();
    const open = async (target: string) => {
      await page.goto(`${link}&continue=${encodeURIComponent(target)}`);
      await button(page).click();
      await heading(page, "Email address verified").waitFor();
    };
    await page.clock.install();
    await open(next);
    await page.getByText(`In a few seconds you will be taken to ${new URL(next).host}.`).waitFor();
    await page.getByRole("button", { name: "Stay here" }).click();
    await page.clock.runFor(60_000);
    expect(new URL(page.url()).pathname).toBe("/verify");
    await page.getByRole("link", { name: "Continue to" }).waitFor();

    await open(next);
    const [request] = await Promise.all([page.waitForRequest(next), page.clock.runFor(10_000)]);
    await page.waitForURL(next);
    expect(request.headers()["referer"]).toBeUndefined();

    await open("https://evil.example/");
    expect(await page.locator("#onward").count()).toBe(0);
  });

  test("is one document and a script, an icon at most, under thirty kilobytes, from one place", async () => {
    const { link } = await invite();
    const page = await pageOf();
    const requests: string[] = [];
    let bytes = 0;
    let transferred = 0;
    page.on("request", (request) => requests.push(request.url()));
    page.on("response", async (response) => {
      transferred += gzipSync(await response.body(), { level: 9 }).length;
    });
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await page.goto(link, { waitUntil: "networkidle" });
    const assets = requests.slice(1);
    expect(requests.every((url) => url.startsWith(application.url))).toBe(true);
    expect(assets.length).toBeLessThanOrEqual(MAX_ASSETS);
    expect(assets.some((url) => url.includes("/verify/page.js?v="))).toBe(true);
    expect(transferred).toBeGreaterThan(1_000);
    expect(transferred).toBeLessThan(MAX_PAGE_BYTES);
    // On the wire, with headers, and the document as it is.
    expect(bytes).toBeLessThan(MAX_PAGE_BYTES);
    await page.goto(link, { waitUntil: "networkidle" });
    const again = requests.slice(1 + assets.length);
    expect(again.filter((url) => url.includes("/verify?"))).toHaveLength(1);
    process.stderr.write(
      `verification page: ${assets.length} assets, ${bytes} bytes on the wire, ${transferred} all zipped\n`,
    );
  });

  test("wears the name and the colour of the organization that its link names", async () => {
    const { link } = await invite();
    const path = `/countersign/v1/organizations/${application.organizationId}/settings`;
    await call("PATCH", path, { displayName: "Aurora Rowing Club", color: "#0f766e" });
    const page = await pageOf();
    await page.goto(link);
    await page.locator(".brand", { hasText: "Aurora Rowing Club" }).waitFor();
    const color = await page.evaluate("getComputedStyle(document.getElementById('button')).backgroundColor");
    expect(color).toBe("rgb(15, 118, 110)");
    await page.goto(link.replace(/orgId=[^&]*/, "orgId=nobody"));
    expect(await page.locator(".brand").count()).toBe(0);
    await call("PATCH", path, { displayName: "", color: "" });
  });

  test("another site cannot frame it", async () => {
    const { link } = await invite();
    elsewherePage = `<iframe src="${link}"></iframe>`;
    const page = await pageOf({}, /frame-ancestors|Refused to frame|Framing/);
    await page.goto(elsewhereUrl, { waitUntil: "networkidle" });
    const [frame] = page.frames().slice(1);
    expect(await frame?.locator("#button").count()).toBe(0);
  });

  describe("every state is clean and fits", () => {
    const states: readonly (readonly [string, string | undefined, string, boolean])[] = [
      ["ready", undefined, "#lead", false],
      ["working", undefined, "#working", true],
      ["verified", "0", "#stay", true],
      ["refused", "3", "#refused", true],
      ["unavailable", "14", "#unavailable", true],
    ];

    test.each(states)("%s", async (_name, status, until, isPressed) => {
      const { link } = await invite();
      for (const colorScheme of ["light", "dark"] as const) {
        // The page's policy lets no script in but its own; axe is one.
        const page = await pageOf({ colorScheme, bypassCSP: true });
        await answerCalls(page, status);
        await page.goto(`${link}&continue=${encodeURIComponent(elsewhereUrl)}`);
        if (isPressed) await button(page).click();
        await page.locator(until).waitFor();
        expect(await violations(page)).toEqual([]);
        for (const width of WIDTHS_PX) {
          await page.setViewportSize({ width, height: 640 });
          expect(await layoutFaults(page)).toEqual([]);
        }
      }
    });

    test("the incomplete link", async () => {
      const page = await pageOf({ bypassCSP: true }, /400/);
      await page.goto(`${application.url}/verify`);
      await heading(page, "This link is incomplete").waitFor();
      expect(await violations(page)).toEqual([]);
      await page.setViewportSize({ width: 320, height: 640 });
      expect(await layoutFaults(page)).toEqual([]);
    });

    test.each([...PAGE_LOCALES.keys()])("in %s on the narrowest screen", async (language) => {
      const { link } = await invite();
      const { texts, htmlLang } = pageLocale(language);
      const page = await pageOf({ locale: language, viewport: { width: 320, height: 640 }, bypassCSP: true });
      await answerCalls(page, "3");
      await page.goto(link);
      expect(await page.evaluate("document.documentElement.lang")).toBe(htmlLang);
      await page.getByRole("button", { name: texts.button }).click();
      await page.getByRole("heading", { name: texts.refusedTitle }).waitFor();
      expect(await layoutFaults(page)).toEqual([]);
      expect(await violations(page)).toEqual([]);
    });
  });
});
