// The HTML part in a real Chromium: every language, light and dark, on a phone and on a desk.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { createComposer, type Mail } from "../../src/mail/message.ts";
import { BUILT_IN_LOCALES } from "../../src/mail/messages/built-in-locales.ts";
import { mailRequest } from "../mail/mail-request.ts";
import { startBrowser } from "../support/chromium.ts";
import { describeInBrowser } from "../support/describe-in-browser.ts";

const START_TIMEOUT_MS = 60_000;
const NARROW_PX = 320;
const WIDE_PX = 1_200;
/** WCAG 2.2, success criterion 1.4.3, for text of usual size. */
const LEAST_CONTRAST = 4.5;

const compose = createComposer({ from: { name: "Example Accounts", address: "accounts@example.org" } });

function mailIn(preferredLanguage: string, displayName = "Ada Lovelace", code = "K7QX2M"): Mail {
  const user = { ...mailRequest().user, preferredLanguage, displayName };
  return compose(
    mailRequest({ user, code, link: `https://verify.example.com/verify?code=${code}&userId=2` }),
  );
}

/** Each visible piece of text with its contrast to what is behind it. Runs in the page. */
const MEASURE_CONTRASTS = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((channel) => channel / 255)
    .map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4))
    .reduce((sum, channel, at) => sum + channel * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    const color = channels(getComputedStyle(element).backgroundColor);
    return color[3] === 0 ? behind(element.parentElement) : color;
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() === "" || !element.checkVisibility()) continue;
    const [lighter, darker] = [channels(getComputedStyle(element).color), behind(element)]
      .map(luminance)
      .toSorted((a, b) => b - a);
    found.push({ text: texts.currentNode.data.trim(), contrast: (lighter + 0.05) / (darker + 0.05) });
  }
  return found;
})()`;

describeInBrowser("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, START_TIMEOUT_MS);
  afterAll(() => browser.close());

  async function show(
    html: string,
    options: { colorScheme?: "light" | "dark"; width?: number } = {},
  ): Promise<Page> {
    const { colorScheme = "light", width = WIDE_PX } = options;
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
    page.on("request", (request) => requests.push(request.url()));
    await page.setContent(html, { waitUntil: "load" });
    return page;
  }
  const requests: string[] = [];

  describe.each([...BUILT_IN_LOCALES.keys()])("a mail in %s", (locale) => {
    test.each(["light", "dark"] as const)("can be read in %s", async (colorScheme) => {
      const mail = mailIn(locale);
      const page = await show(mail.html, { colorScheme });
      const contrasts = await page.evaluate<{ text: string; contrast: number }[]>(MEASURE_CONTRASTS);
      expect(contrasts.map(({ text }) => text)).toEqual(
        expect.arrayContaining([mail.parts?.title, mail.parts?.greeting, "K7QX2M", mail.parts?.buttonText]),
      );
      expect(contrasts.filter(({ contrast }) => contrast < LEAST_CONTRAST)).toEqual([]);
      const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
      expect(background).toBe(colorScheme === "light" ? "rgb(242, 244, 247)" : "rgb(20, 22, 26)");
      await page.close();
    });

    test("fits on a narrow screen, hides its preheader and loads nothing", async () => {
      const mail = mailIn(locale);
      const page = await show(mail.html, { width: NARROW_PX });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(NARROW_PX);
      const shown = await page.locator("body").innerText();
      expect(shown).not.toContain(mail.parts?.preheader);
      expect(shown.trim().startsWith(mail.parts?.title ?? "?")).toBe(true);
      expect(requests).toEqual([]);
      await page.close();
    });

    test("gives its code to a double click and its link to the button", async () => {
      const mail = mailIn(locale);
      const page = await show(mail.html);
      await page.locator(".code").dblclick();
      expect(String(await page.evaluate("getSelection().toString()")).trim()).toBe("K7QX2M");
      const hrefs = await page.evaluate("[...document.links].map((link) => link.href)");
      expect(hrefs).toEqual([mail.request.link, mail.request.link]);
      await page.close();
    });
  });

  test("the longest code and the widest name fit on a narrow screen", async () => {
    const page = await show(mailIn("de", "W".repeat(64), "W".repeat(20)).html, { width: NARROW_PX });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(NARROW_PX);
    await page.close();
  });
});
