/** Bytes made once, in which each call's user and code are written over their markers. */
import type { Call } from "./budget.ts";
import { CODE_MARKER, USER_MARKER } from "./order.ts";

export class Template {
  readonly #bytes: Buffer;
  readonly #userPlaces: readonly number[];
  readonly #codePlaces: readonly number[];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#userPlaces = placesOf(bytes, USER_MARKER);
    this.#codePlaces = placesOf(bytes, CODE_MARKER);
  }

  fill({ user, code = "" }: Call): Buffer {
    const filled = Buffer.from(this.#bytes);
    const digits = String(user).padStart(USER_MARKER.length, "0");
    for (const place of this.#userPlaces) filled.write(digits, place, "latin1");
    for (const place of this.#codePlaces) filled.write(code, place, "latin1");
    return filled;
  }
}

function placesOf(bytes: Buffer, marker: string): readonly number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(marker); at !== -1; at = bytes.indexOf(marker, at + 1)) places.push(at);
  return places;
}
