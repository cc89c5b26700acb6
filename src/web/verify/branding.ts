/** Whose page it looks like: an organization's name, logo and colour around words that stay ours. */

export interface Branding {
  /** As its members know the organization. Default: no name is shown. */
  readonly name?: string;
  /** Default: none is shown. */
  readonly logo?: Logo;
  /** Of the button, `#rrggbb`. Default, and for what is no such colour: blue. */
  readonly accentColor?: string;
}

/** Carried by the page itself, so that looking at it tells no third party. */
export interface Logo {
  readonly mediaType: "image/png" | "image/jpeg" | "image/webp" | "image/gif";
  /** MAX_LOGO_BYTES at most, or else the logo is left out. */
  readonly bytes: Uint8Array;
}

/** @param organizationId as the link says: unproven, may name none */
export type BrandingOf = (organizationId: string) => Promise<Branding>;

export const MAX_LOGO_BYTES = 8 * 1024;

/** Black and white themselves: of any softer pair, some colours leave neither with a contrast of 4.5. */
const DARK_INK = "#000000";
const LIGHT_INK = "#ffffff";

/** CSS that gives the button the organization's colour, with letters that can be read on it. */
export function accentStyle({ accentColor }: Branding): string {
  if (accentColor === undefined || !/^#[0-9a-f]{6}$/i.test(accentColor)) return "";
  const isLight = contrast(accentColor, DARK_INK) > contrast(accentColor, LIGHT_INK);
  return `:root { --accent: ${accentColor}; --on-accent: ${isLight ? DARK_INK : LIGHT_INK}; }\n`;
}

/** As a URL for `<img src>`; undefined without a logo that can be shown. */
export function logoUrl({ logo }: Branding): string | undefined {
  if (logo === undefined || logo.bytes.length > MAX_LOGO_BYTES) return undefined;
  return `data:${logo.mediaType};base64,${Buffer.from(logo.bytes).toString("base64")}`;
}

/** WCAG 2.2, contrast ratio, 1 to 21. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** WCAG 2.2, relative luminance. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
