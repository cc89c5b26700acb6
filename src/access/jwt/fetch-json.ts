/** Fetches a small JSON document that the operator has named, and nothing else: no redirect leads elsewhere. */

export interface FetchJsonOptions {
  /** Of the body, decompressed. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** @throws Error that names the fault: not reached, redirected, a status other than 200, too long, no JSON */
export async function fetchJson(url: string, { maxBytes, signal }: FetchJsonOptions): Promise<unknown> {
  const headers = { accept: "application/jwk-set+json, application/json" };
  const answer = await fetch(url, { headers, redirect: "manual", signal });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new Error(`status ${answer.status}`);
  }
  const text = await readText(answer, maxBytes);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes what it read.
    throw new Error("the answer is no JSON");
  }
}

async function readText(answer: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the rest of the body.
  const body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = answer.body ?? [];
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
