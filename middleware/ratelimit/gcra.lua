-- The generic cell rate algorithm, as in gcra.py; whole microseconds, exact up to 2^53.
--
-- KEYS[1]  the caller's theoretical arrival time (TAT)
-- ARGV     need and want (units; at least need or nothing is granted, at most want),
--          quota (units), period (microseconds), burst (units),
--          and now (microseconds), for tests; by default the clock of this server
--          A negative need is a refund.
-- Returns  granted (units), remaining (units), retry and reset (microseconds)

local need, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local quota, period, burst = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now = tonumber(ARGV[6])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function time_of(units) return math.ceil(units * period / quota) end
local function units_in(time) return math.floor(time * quota / period) end

local function remember(tat)
  -- a caller who owes nothing needs no state; ten seconds are a margin for the expiry
  local milliseconds = math.ceil((tat - now) / 1000) + 10000
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', string.format('%.0f', milliseconds))
end

local tolerance = time_of(burst)
-- a value that is no number, or of another type, was not written by this script and is ignored
local stored = redis.pcall('GET', KEYS[1])
local tat = type(stored) == 'string' and tonumber(stored) or now
if tat ~= tat then tat = now end
tat = math.max(tat, now)
-- a valid TAT is never further ahead than the burst; this one was written with other limits,
-- before the server's clock was set back, or by another program
local ahead = tat > now + tolerance
if ahead then tat = now + tolerance end

if need < 0 then  -- refund
  tat = math.max(tat - time_of(-need), now)
  remember(tat)
  return {need, units_in(now + tolerance - tat), 0, tat - now}
end

local room = now + tolerance - tat
local available = units_in(room)
if available < need then
  if ahead then remember(tat) end  -- else it would refuse for as long as it stays ahead
  return {0, available, time_of(need) - room, tat - now}
end

local granted = math.min(want, available)
tat = tat + time_of(granted)
remember(tat)
return {granted, units_in(now + tolerance - tat), 0, tat - now}
