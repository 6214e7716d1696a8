// Requests to the section's own addresses, below Flower's url prefix.

import { at } from "./dom.js";

const page = at("podium-page").dataset;

/** An address of the section: `url("execution", id)`, with parameters that are not empty. */
export function url(parts, parameters) {
  const path = [].concat(parts).map(encodeURIComponent).join("/");
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters || {})) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return page.root + (path ? "/" + path : "") + (text ? "?" + text : "");
}

/** What the page's address names: the execution, the definition. */
export const names = JSON.parse(page.names);

/** Why nobody may act here; empty: whoever is authenticated may. */
export const mayNot = page.mayNot;

/** An answer of the server that is none that was hoped for. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "Flower does not answer");
  }
  const type = response.headers.get("Content-Type") || "";
  const body = type.startsWith("application/json") ? await response.json() : { error: response.statusText };
  if (!response.ok) throw new Refused(response.status, body.error || response.statusText);
  return body;
}

/** GET; the document. */
export function get(parts, parameters, options) {
  return ask(url(["data", ...[].concat(parts)], parameters), options);
}

/** POST of a JSON document; the answer. */
export function post(parts, body) {
  return ask(url(["actions", ...[].concat(parts)]), {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-XSRFToken": page.xsrf },
    body: JSON.stringify(body),
  });
}

/**
 * Calls `look` again and again: it answers how many ms to wait, or null to stop. Hidden pages wait until they are
 * seen. Returns a function that looks at once and goes on.
 */
export function poll(look, onError) {
  let timer = null;
  let busy = false;
  let again = false;
  async function turn() {
    clearTimeout(timer);
    timer = null;
    if (busy) {
      again = true;
      return;
    }
    if (document.hidden) return;
    busy = true;
    let pause;
    try {
      pause = await look();
      onError(null);
    } catch (error) {
      if (error.name !== "AbortError") onError(error);
      pause = error.status === 404 || error.status === 401 ? null : 5000;
    }
    busy = false;
    if (again) {
      again = false;
      turn();
    } else if (pause !== null) timer = setTimeout(turn, pause);
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) turn();
  });
  turn();
  return turn;
}
