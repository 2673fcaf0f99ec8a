-- One kind of request over many bodies, in turn; prints what came of it as one line of JSON.
-- wrk calls request() for each request, and done() at the end.

local turn, formed = 0, {}

function init(arguments)
   local path, file = arguments[1], arguments[2]
   for index = 3, #arguments do
      local name, value = arguments[index]:match("^(.-): (.*)$")
      wrk.headers[name] = value
   end
   wrk.headers["Content-Type"] = "application/json"
   for body in io.lines(file) do
      formed[#formed + 1] = wrk.format("POST", path, nil, body)
   end
end

function request()
   turn = turn % #formed + 1
   return formed[turn]
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "seconds": %f, "p50": %f, "p95": %f, "p99": %f, "failed": %d}\n',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
