-- The circuit's state for a call to model ARGV[1]: closed, open or probe; failures; milliseconds to wait.
-- Each value of the hash is JSON: failures; at, the time of the last one; reopen, the time of the next
-- probe (0 while closed); rounds, how often it opened in a row; probe, its token; probe_until, its time
-- limit. Times are milliseconds by Redis' clock, so of all workers exactly one gets the probe.
local raw = redis.call('HGET', KEYS[1], ARGV[1])
if not raw then return {'closed', 0, 0} end
local c = cjson.decode(raw)
if c.reopen == 0 then return {'closed', c.failures, 0} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local free = math.max(c.reopen, c.probe_until)
if now < free then return {'open', c.failures, free - now} end
c.probe, c.probe_until = ARGV[2], now + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(c))
return {'probe', c.failures, 0}
