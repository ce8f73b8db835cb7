// Ask the studio's server.

/** What the server refused, in its own words. */
export class Refusal extends Error {
  constructor(answer, status) {
    super(answer.error || `The studio answered ${status}.`);
    this.status = status;
    this.fields = answer.fields || {};
    this.answer = answer;
  }
}

/** The server could not be reached. */
export class Unreachable extends Error {
  constructor() {
    super("The studio does not answer. Start it again with `vizeme studio`: what was begun goes on.");
  }
}

/** Ask a route; `body` goes as JSON. Return the answer's JSON, null where there is none. */
export async function ask(path, { method = "GET", body, bytes, signal } = {}) {
  const request = { method, signal, headers: {} };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  } else if (bytes !== undefined) {
    request.headers["Content-Type"] = "application/octet-stream";
    request.body = bytes;
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Unreachable();
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(answer, response.status);
  return answer;
}

export const person = (id) => `/api/people/${encodeURIComponent(id)}`;
export const job = (id) => `/api/jobs/${encodeURIComponent(id)}`;

/** An address that is saved as a file. */
export const download = (address) => `${address}${address.includes("?") ? "&" : "?"}download=1`;
