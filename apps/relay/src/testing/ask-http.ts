import { type ClientRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { parse } from "@thicket/delivery-service/testing";
import { BlobErrorBody } from "@thicket/protocol";

export interface HttpAnswer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** One request over a connection of its own, as it is: fetch would tidy paths and headers. */
export function askHttp(
  url: string,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders = {},
  body?: Uint8Array,
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(url);
  const asked = request({ hostname, port, method, path, headers, agent: false });
  const answer = answerOf(asked);
  asked.end(body);
  return answer;
}

/** The whole answer to a request that is under way. */
export function answerOf(asked: ClientRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    asked.on("error", reject);
    asked.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
  });
}

/** The status and code of a refusal, which is as the wire says. */
export function refusalOf({ status, body }: HttpAnswer): string {
  return `${status} ${parse(BlobErrorBody, JSON.parse(body.toString())).error.code}`;
}
