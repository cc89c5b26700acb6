/**
 * Pictures of the verification page in every state for docs/verification-page.md, and for looking at:
 *
 *     node test/browser/verify-pictures.ts [folder]
 *
 * Writes contact sheets: telephones and desks, light and dark, and one of the languages on the narrowest screen.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { createVerifyPages, type VerifyPageOptions } from "../../src/web/verify/verify-page.ts";
import { PAGE_LOCALES } from "../../src/web/verify/page-locales.ts";
import { startBrowser } from "../support/chromium.ts";

type Scheme = "light" | "dark";

const PHONE = { width: 360, height: 640 };
const DESK = { width: 900, height: 640 };
const GAP_PX = 12;
const ORIGIN = "https://verify.example.com";
const PROCEDURE = "/zitadel.user.v2.UserService/VerifyEmail";
const LINK = "/verify?code=K7QX2M&orgId=351022947&userId=351023001";
const ONWARD = `${LINK}&continue=${encodeURIComponent("https://app.example.com/welcome")}`;

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="20" fill="#0f766e"/>' +
  '<path d="M11 27 20 10l9 17" fill="none" stroke="#fff" stroke-width="4"/></svg>';

/** Their characters come out as boxes here. */
const WITHOUT_FONT = new Set(["ja", "zh"]);

const refuse = (page: Page) => press(page, "3", "#refused");

/** How the page comes into each state. */
const STATES: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  ready: (page) => page.goto(ORIGIN + LINK),
  "without a code": (page) => page.goto(ORIGIN + LINK.replace("code=K7QX2M&", "")),
  working: (page) => press(page, "working", "#working"),
  verified: (page) => press(page, "0", "#done"),
  "verified, leading on": (page) => press(page, "0", "#stay", ONWARD),
  refused: refuse,
  offline: async (page) => {
    await page.goto(ORIGIN + LINK);
    await page.context().setOffline(true);
    await page.locator("#button").click();
    await page.locator("#offline").waitFor();
  },
  unavailable: (page) => press(page, "14", "#unavailable"),
  incomplete: (page) => page.goto(`${ORIGIN}/verify`),
  "an organization's": (page) => page.goto(ORIGIN + LINK.replace("351022947", "branded")),
};

const [, , folder = new URL("../../docs/images/", import.meta.url).pathname] = process.argv;
const browser = await startBrowser();
const logo = await drawLogo();
const pages = createVerifyPages({
  verify: () => Promise.resolve("refused"),
  chooseLanguage: (header) => header.split(",", 1).join(""),
  brandingOf: (organizationId): ReturnType<NonNullable<VerifyPageOptions["brandingOf"]>> =>
    Promise.resolve(
      organizationId === "branded"
        ? {
            name: "Aurora Rowing Club",
            logo: { mediaType: "image/png", bytes: logo },
            accentColor: "#0f766e",
          }
        : {},
    ),
  redirectHosts: ["app.example.com"],
});

try {
  await writeSheet("verify-phone", PHONE, Object.values(STATES), 5);
  await writeSheet("verify-desk", DESK, Object.values(STATES), 5);
  const latin = [...PAGE_LOCALES.keys()].filter((locale) => !WITHOUT_FONT.has(locale));
  const narrow = { ...PHONE, width: 320 };
  const images: Buffer[] = [];
  for (const locale of latin) images.push(await picture(refuse, { viewport: narrow, locale }));
  await writeImages("verify-languages", images, narrow.width, 4, "light", 0.5);
} finally {
  await browser.close();
}

/** Opens the link and presses the button; the call gets the status, or with "working" no answer. */
async function press(page: Page, status: string, until: string, link = LINK): Promise<void> {
  await page.route(`${ORIGIN}${PROCEDURE}`, async (route) => {
    if (status === "working") return;
    await route.fulfill({
      headers: { "content-type": "application/grpc-web+proto", "grpc-status": status },
      body: "",
    });
  });
  await page.goto(ORIGIN + link);
  await page.locator("#button").click();
  await page.locator(until).waitFor();
}

async function picture(
  reach: (page: Page) => Promise<unknown>,
  options: BrowserContextOptions,
): Promise<Buffer> {
  const context = await browser.newContext({ ...options, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.route(`${ORIGIN}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    const handle = pages.get(pathname);
    if (handle === undefined) return route.fulfill({ status: 404 });
    const request = new Request(route.request().url(), { headers: route.request().headers() });
    const response = await handle(request, { address: "" });
    const body = Buffer.from(await response.arrayBuffer());
    return route.fulfill({ status: response.status, headers: Object.fromEntries(response.headers), body });
  });
  await reach(page);
  const image = await page.screenshot({ fullPage: true });
  await context.close();
  return image;
}

async function writeSheet(
  name: string,
  viewport: typeof PHONE,
  states: readonly ((page: Page) => Promise<unknown>)[],
  columns: number,
): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    const images: Buffer[] = [];
    for (const reach of states) images.push(await picture(reach, { viewport, colorScheme, locale: "en" }));
    await writeImages(
      `${name}-${colorScheme}`,
      images,
      viewport.width,
      columns,
      colorScheme,
      viewport.width === PHONE.width ? 0.6 : 0.45,
    );
  }
}

async function writeImages(
  name: string,
  images: readonly Buffer[],
  width: number,
  columns: number,
  scheme: Scheme,
  scale: number,
): Promise<void> {
  const page = await browser.newPage({
    viewport: { width: columns * (width + GAP_PX) + GAP_PX, height: 400 },
    deviceScaleFactor: scale,
  });
  const items = images.map((image) => `<img src="data:image/png;base64,${image.toString("base64")}">`);
  await page.setContent(`<style>
    body { margin: ${GAP_PX / 2}px; background: ${scheme === "dark" ? "#000" : "#c8cdd4"}; }
    body { display: grid; grid-template-columns: repeat(${columns}, auto); align-items: start; }
    img { width: ${width}px; margin: ${GAP_PX / 2}px; }
  </style>${items.join("")}`);
  await writeFile(join(folder, `${name}.png`), await page.screenshot({ fullPage: true }));
  await page.close();
}

async function drawLogo(): Promise<Buffer> {
  const page = await browser.newPage({ viewport: { width: 40, height: 40 }, deviceScaleFactor: 2 });
  await page.setContent(`<body style="margin: 0">${LOGO}`);
  const drawn = await page.screenshot({ omitBackground: true });
  await page.close();
  return drawn;
}
