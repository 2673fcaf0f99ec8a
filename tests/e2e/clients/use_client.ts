// What a caller writes with a client made by openapi-typescript and openapi-fetch. The last calls
// must not compile: the types know what the server refuses.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Interval = components["schemas"]["PredictionInterval"];

// a batch may be CSV too: without its media types a client would expect either
type Media = "application/json" | "application/problem+json";

const client = createClient<paths, Media>({
  baseUrl: process.env.MLRF_URL,
  headers: { "X-API-Key": process.env.MLRF_KEY },
});
const series = { store_nbr: 1, family: "DAIRY", horizon: 15 } as const;

const simple = await client.POST("/predict/simple", { body: series });
if (!simple.data) throw new Error(simple.error.detail);
const intervals: Interval[] = simple.data.forecast[0]!.intervals;
const older: number | undefined = simple.data.lower_80;

const refused = await client.POST("/predict/simple", { body: { ...series, store_nbr: 999 } });
const code: string | undefined = refused.error?.code;

const batch = await client.POST("/predict/batch", {
  body: { predictions: [series, { ...series, family: "NONE" }] },
});
if (!batch.data) throw new Error(batch.error.detail);
const kinds = batch.data.predictions.map((one) => ("code" in one ? one.code : one.horizon));

const tree = await client.GET("/hierarchy", { params: { query: { horizon: 30, depth: 1 } } });
const children: number | undefined = tree.data?.tree.children.length;

// @ts-expect-error no such horizon
client.POST.bind(null, "/predict/simple", { body: { ...series, horizon: 16 } });
// @ts-expect-error a field is missing
client.POST.bind(null, "/predict/simple", { body: { store_nbr: 1, horizon: 15 } });
// @ts-expect-error left out is not null
client.POST.bind(null, "/predict/simple", { body: { ...series, date: null } });

console.log(JSON.stringify({ intervals, older, code, kinds, children }));
