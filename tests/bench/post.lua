-- Defines the requests of wrk, and prints its result as one line of JSON. Arguments after `--`: method, file with the body.
-- The first 1000000000 in the request (the key in webdis's path, a member in Collector's body) is incremented, so that
-- every request differs and every write has its own key, as in Collector: with a single key webdis looks 6 % faster.
-- It costs wrk 0.2 us per request, the same for every server.

local head, tail, number = nil, nil, 1000000000

function init(arguments)
   local file = assert(io.open(arguments[2], "rb"))
   wrk.method = arguments[1]
   wrk.body = file:read("*a")
   wrk.headers["Content-Type"] = "application/json"
   file:close()
   local whole = wrk.format()
   local first, last = whole:find("1000000000", 1, true)
   head, tail = whole:sub(1, first - 1), whole:sub(last + 1)
end

function request()
   number = number + 1
   return head .. number .. tail
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      'RESULT {"requests":%d,"us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"bad_status":%d,"bad_sockets":%d,"late":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
      errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
