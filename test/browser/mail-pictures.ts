/**
 * Pictures of the mail in every language, light and dark, for docs/mail.md and for looking at:
 *
 *     node test/browser/mail-pictures.ts [folder] [jpeg|png]
 *
 * Writes contact sheets of the HTML part and of the text part. Characters that no font here has come out as boxes:
 * FONT_CSS_JA and FONT_CSS_ZH may name style sheets with fonts for them (400.css of @fontsource/noto-sans-jp and -sc).
 */
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createComposer, type Mail } from "../../src/mail/message.ts";
import { BUILT_IN_LOCALES } from "../../src/mail/messages/built-in-locales.ts";
import { mailRequest } from "../mail/mail-request.ts";
import { startBrowser } from "../support/chromium.ts";

type Scheme = "light" | "dark";

const WIDTH_PX = 400;
const COLUMNS = 5;
const JPEG_QUALITY = 62;

const [, , folder = new URL("../../docs/images/", import.meta.url).pathname, type = "jpeg"] = process.argv;
const compose = createComposer({ from: { name: "Example Accounts", address: "accounts@example.org" } });
const mails = [...BUILT_IN_LOCALES.keys()].map((locale) => sample(locale));
const fonts = (await Promise.all(["ja", "zh"].map((language) => fontStyle(language)))).join("\n");

const browser = await startBrowser();
try {
  for (const scheme of ["light", "dark"] as const) {
    const pages = mails.map(({ html }) => html);
    await writeSheet(`mail-${scheme}`, pages, scheme);
    await writeSheet(`mail-text-${scheme}`, mails.map(asPage), scheme);
  }
} finally {
  await browser.close();
}

function sample(preferredLanguage: string): Mail {
  const { user } = mailRequest();
  return compose(
    mailRequest({
      user: { ...user, preferredLanguage },
      code: "K7QX2M",
      link: "https://verify.example.com/verify?code=K7QX2M&orgId=351022947&userId=351023001",
    }),
  );
}

/** The text part, as a mail program without HTML shows it. */
function asPage({ text, parts, subject }: Mail): string {
  const escaped = `${subject}\n\n${text}`.replace(/[&<>]/g, (symbol) => `&#${symbol.charCodeAt(0)};`);
  return `<!doctype html><html lang="${parts?.locale}"><meta name="color-scheme" content="light dark"><style>
    pre { margin: 16px; white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.5 monospace; }
  </style><pre>${escaped}</pre>`;
}

async function writeSheet(name: string, pages: readonly string[], scheme: Scheme): Promise<void> {
  const images: Buffer[] = [];
  for (const html of pages) images.push(await picture(html, scheme));
  const page = await browser.newPage({
    viewport: { width: COLUMNS * (WIDTH_PX + 12) + 12, height: 400 },
    deviceScaleFactor: 0.8,
  });
  const items = images.map((image) => `<img src="data:image/png;base64,${image.toString("base64")}">`);
  await page.setContent(`<style>
    body { margin: 6px; background: ${scheme === "dark" ? "#000" : "#c8cdd4"}; }
    body { display: grid; grid-template-columns: repeat(${COLUMNS}, auto); align-items: start; }
    img { width: ${WIDTH_PX}px; margin: 6px; }
  </style>${items.join("")}`);
  const path = join(folder, type === "png" ? `${name}.png` : `${name}.jpg`);
  const options =
    type === "png" ? ({ type: "png" } as const) : ({ type: "jpeg", quality: JPEG_QUALITY } as const);
  await writeFile(path, await page.screenshot({ fullPage: true, ...options }));
  await page.close();
}

async function picture(html: string, colorScheme: Scheme): Promise<Buffer> {
  const page = await browser.newPage({ colorScheme, viewport: { width: WIDTH_PX, height: 400 } });
  if (fonts === "") {
    await page.setContent(html);
  } else {
    // The fonts first: words that were laid out before keep their boxes.
    await page.setContent(`<!doctype html><style>${fonts}</style>`);
    await page.evaluate(`Promise.all([...document.fonts].map((font) => font.load())).then(() => {
      const mail = new DOMParser().parseFromString(${JSON.stringify(html)}, "text/html");
      document.documentElement.lang = mail.documentElement.lang;
      document.head.append(...mail.head.children);
      document.body.replaceWith(mail.body);
    })`);
  }
  const image = await page.screenshot({ fullPage: true });
  await page.close();
  return image;
}

/** Fonts and a rule that uses them; "" when none were named. */
async function fontStyle(language: string): Promise<string> {
  const path = process.env[`FONT_CSS_${language.toUpperCase()}`];
  if (path === undefined) return "";
  const css = await readFile(path, "utf8");
  const faces = (css.match(/@font-face \{[^}]*\}/g) ?? []).map(async (face) => {
    const [, file = ""] = /url\(([^)]*\.woff2)\)/.exec(face) ?? [];
    const font = await readFile(join(dirname(path), file), "base64");
    const renamed = face.replace(/font-family:[^;]*;/, `font-family: "for ${language}";`);
    return renamed.replace(/src:[^;]*;/, `src: url(data:font/woff2;base64,${font}) format("woff2");`);
  });
  const rule = `:lang(${language}) :not(.code) { font-family: Helvetica, "for ${language}", sans-serif !important; }`;
  return `${(await Promise.all(faces)).join("\n")}\n${rule}`;
}
