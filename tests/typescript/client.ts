// Deploys, waits, lists and reads errors with nothing but the types of the API document. Prints one
// JSON object with what it saw. Arguments: the address of the platform, an app id, a package URL.

import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

type Deployment = components["schemas"]["Deployment"];
type Problem = components["schemas"]["Problem"];

const [url, app, packageUrl] = process.argv.slice(2);
if (url === undefined || app === undefined || packageUrl === undefined) {
  throw new Error("usage: client.js URL APP PACKAGE_URL");
}
const api = createClient<paths>({ baseUrl: url });

/** The data of an answer, or an error with the problem's own words. */
function must<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no answer");
  return answer.data;
}

async function deploy(name: string): Promise<Deployment> {
  const answer = await api.POST("/v1/apps/{app}/deployments", {
    params: { path: { app: name }, header: { "Idempotency-Key": "from-typescript" } },
    body: { package_url: packageUrl as string, strategy: { type: "rolling" } },
  });
  return must(answer).deployment;
}

/** Follows the events of an app until its deployment has ended. */
async function ended(deployment: Deployment): Promise<Deployment> {
  let after = 0;
  for (;;) {
    const path = { deployment: deployment.id };
    const now = must(await api.GET("/v1/deployments/{deployment}", { params: { path } })).deployment;
    if (now.state !== "queued" && now.state !== "processing") return now;
    const query = { app: deployment.app, after, timeout_ms: 10_000 };
    const events = await api.GET("/v1/watch", { params: { query }, parseAs: "json" });
    after = (must(events) as components["schemas"]["Events"]).last_sequence;
  }
}

const first = await deploy(app);
const again = await deploy(app);
const done = await ended(first);
const apps = must(await api.GET("/v1/apps", { params: { query: { limit: 1000 } } })).apps;
const refused = await api.PUT("/v1/apps/{app}/traffic", {
  params: { path: { app } },
  body: { legs: [{ revision: 999, weight_permille: 1000 }] },
});
const missing = await api.GET("/v1/apps/{app}", { params: { path: { app: "nowhere" } } });

console.log(
  JSON.stringify({
    state: done.state,
    repeated: again.id === first.id,
    listed: apps.some((each) => each.id === app && each.desired_revision === 1),
    pointers: refused.error?.errors?.map((each) => each.pointer),
    missing: missing.error?.status,
  }),
);
