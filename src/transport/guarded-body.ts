/** A request's body as connect-node reads it, under the same guards as on the direct path. */
import { Code, ConnectError } from "@connectrpc/connect";
import { failureToConnectError } from "../rpc/errors.ts";
import type { FailureError } from "../verification/failures.ts";
import type { NodeRequest } from "./node-http.ts";
import { requestEnded } from "./unary/http2-exchange.ts";
import { unfinishedBodies } from "./unfinished-bodies.ts";

/**
 * @param admit asked before anything is read
 * @throws ConnectError while it is read: what `admit` throws, UNAVAILABLE when its memory is needed, CANCELED when it
 *   breaks off
 */
export async function* guardedBody(
  request: NodeRequest,
  admit: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  await admit();
  const givenUp = Promise.withResolvers<never>();
  // Nobody may be waiting for it.
  givenUp.promise.catch(() => {});
  const unfinished = unfinishedBodies.begin(({ failure }: FailureError) =>
    givenUp.reject(failureToConnectError(failure)),
  );
  // Destroyed, an unread request would take the answer with it.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const next = await Promise.race([chunks.next(), givenUp.promise]);
      if (next.done === true) break;
      unfinished.grow(next.value.byteLength);
      yield next.value;
    }
    if ("stream" in request) await requestEnded(request.stream);
  } catch (error) {
    if (error instanceof ConnectError) throw error;
    throw new ConnectError("the request broke off", Code.Canceled, undefined, undefined, error);
  } finally {
    unfinished.end();
    // Not awaited: it would wait for the next chunk.
    chunks.return?.().catch(() => {});
  }
}
