-- Print what was measured as one line of JSON; with a body in the environment, post it, with
-- another number in the place of "@" each time.
local body = os.getenv("BENCHMARK_BODY")

if body then
  local before, after = body:match("^(.-)@(.*)$")
  local number = 0
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if before then
    request = function()
      number = number + 1
      return wrk.format(nil, nil, nil, before .. number .. after)
    end
  else
    wrk.body = body
  end
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
