// The public API, as this page uses it.

import {language, token} from "/web/session.js";

/** An answer that was not a success. `problem` is the RFC 9457 body where there was one. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

async function request(path, {method = "GET", body, headers = {}, signal} = {}) {
  const response = await fetch(path, {
    method,
    signal,
    cache: "no-store",
    credentials: "omit",
    headers: {
      Authorization: `Bearer ${token() ?? ""}`,
      "Accept-Language": language(),
      ...(body === undefined ? {} : {"Content-Type": "application/json"}),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.ok) return response;
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // A proxy's own error page: the status has to do.
  }
  throw new ApiError(response.status, problem);
}

const json = async (path, options) => (await request(path, options)).json();
const one = (id) => `/v1/incidents/${encodeURIComponent(id)}`;

/** The incidents that nobody has ended yet. */
export const openIncidents = () =>
  json("/v1/incidents?state=open&state=acknowledged&limit=100");

/** One incident with all that is known about it. */
export const incident = (id) => json(one(id));

export const acknowledge = (id, by) => request(`${one(id)}/ack`, {method: "POST", body: {by}});

export const stepDone = (id, step, by) =>
  request(`${one(id)}/steps/${encodeURIComponent(step)}`, {method: "POST", body: {by}});

export const resolve = (id, by, why) =>
  request(`${one(id)}/resolve`, {method: "POST", body: {by, why}});

/** Says whether it was worth the page; `noise` needs a reason. */
export const rate = (id, by, noise, why) =>
  request(`${one(id)}/rating`, {method: "POST", body: {by, noise, why}});

/** What each rule's pages cost, week by week, and what people said of them. */
export const rules = () => json("/v1/rules");

export const sources = () => json("/v1/sources");

export const mentions = (query, limit, signal) =>
  json(`/v1/mentions?${new URLSearchParams({q: query, limit})}`, {signal});

const label = (id) => `/v1/mentions/${encodeURIComponent(id)}/label`;

/** Says what a mention is; gives the mention as it is shown then. */
export const correctLabel = (id, value, by) =>
  json(label(id), {method: "PUT", body: {label: value, by}});

/** The classifier's label holds again. */
export const takeLabelBack = (id) => json(label(id), {method: "DELETE"});

export const mentionStream = (query, lastId, signal) =>
  request(`/v1/mentions/stream?${new URLSearchParams({q: query})}`, {
    signal,
    headers: {Accept: "text/event-stream", ...(lastId ? {"Last-Event-ID": lastId} : {})},
  });
