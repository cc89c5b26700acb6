/**
 * The picture of the dev inbox for docs/dev-inbox.md, and for looking at:
 *
 *     node test/browser/inbox-pictures.ts [file]
 *
 * Four views side by side: the list and a mail, light on a desk, dark on a phone.
 */
import { startTestApplication } from "../support/application.ts";
import { startBrowser } from "../support/chromium.ts";

type Scheme = "light" | "dark";

const DESK_PX = 900;
const PHONE_PX = 360;
const HEIGHT_PX = 980;
const GAP_PX = 16;
const JPEG_QUALITY = 70;
const PEOPLE = [
  ["Ada", "Lovelace", "en"],
  ["Joan", "Clarke", "fr"],
  ["Konrad", "Zuse", "de"],
  ["Grace", "Hopper", "en"],
] as const;

const [, , file = new URL("../../docs/images/dev-inbox.jpg", import.meta.url).pathname] = process.argv;
const application = await startTestApplication();
const browser = await startBrowser();
try {
  const headers = { authorization: `Bearer ${application.token}`, "content-type": "application/json" };
  const ids: string[] = [];
  for (const [givenName, familyName, preferredLanguage] of PEOPLE) {
    const email = `${givenName.toLowerCase()}@example.com`;
    const profile = { givenName, familyName, preferredLanguage };
    const body = JSON.stringify({ profile, email: { email, sendCode: {} } });
    await fetch(`${application.url}/v2/users/human`, { method: "POST", headers, body });
    const wait = await fetch(`${application.url}/countersign/v1/inbox/wait?to=${email}`, { headers });
    ids.push(((await wait.json()) as { mail: { mailId: string } }).mail.mailId);
  }
  const mailPath = `/inbox/mail?id=${ids.at(-1)}`;
  const views = [
    await picture("/inbox", "light", DESK_PX),
    await picture(mailPath, "light", DESK_PX),
    await picture("/inbox", "dark", PHONE_PX),
    await picture(mailPath, "dark", PHONE_PX),
  ];
  const viewport = { width: 2 * (DESK_PX + PHONE_PX) + 5 * GAP_PX, height: HEIGHT_PX + 2 * GAP_PX };
  const page = await browser.newPage({ viewport, deviceScaleFactor: 0.7 });
  const images = views.map((view) => `<img src="data:image/png;base64,${view.toString("base64")}">`);
  await page.setContent(`<style>
    body { display: flex; gap: ${GAP_PX}px; margin: ${GAP_PX}px; background: #c8cdd4; }
  </style>${images.join("")}`);
  await page.screenshot({ path: file, type: "jpeg", quality: JPEG_QUALITY });
} finally {
  await browser.close();
  await application.stop();
}

async function picture(path: string, colorScheme: Scheme, width: number): Promise<Buffer> {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: HEIGHT_PX } });
  await page.goto(application.url + path);
  if (path === "/inbox") await page.locator(".status.live").waitFor();
  else await page.frameLocator("iframe").locator(".code").waitFor();
  const image = await page.screenshot();
  await page.close();
  return image;
}
