-- The generic cell rate algorithm, as in gcra.py; whole microseconds, exact up to 2^53.
--
-- KEYS[1]  the caller's theoretical arrival time (TAT)
-- ARGV     need and want (units; at least need or nothing is granted, at most want),
--          quota (units), period (microseconds), burst (units),
--          and now (microseconds), which tests give; else it is the clock of this server
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

local tolerance = time_of(burst)
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
-- nobody can be further ahead than the burst: this was written under another tier, or before the
-- server's clock was set back
tat = math.min(tat, now + tolerance)

local room = now + tolerance - tat
local available = units_in(room)
if available < need then
  return {0, available, time_of(need) - room, tat - now}
end

local granted = math.min(want, available)
tat = tat + time_of(granted)
-- paid back means forgotten; ten seconds more keep nothing that matters
local milliseconds = math.ceil((tat - now) / 1000) + 10000
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', string.format('%.0f', milliseconds))
return {granted, units_in(now + tolerance - tat), 0, tat - now}
