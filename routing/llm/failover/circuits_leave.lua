-- Counts the outcome of a call. The values are described in circuits_enter.lua.
local model, outcome, token, error = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local limit, window, pause, longest =
    tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local raw = redis.call('HGET', KEYS[1], model)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local c = raw and cjson.decode(raw) or
    {failures = 0, at = now, reopen = 0, rounds = 0, probe = '', probe_until = 0, error = ''}
local open = c.reopen > 0
local mine = token ~= '' and c.probe == token
local function reopen()
    c.reopen = now + math.min(longest, pause * 2 ^ c.rounds)
    c.rounds, c.probe, c.probe_until = c.rounds + 1, '', 0
end
if outcome == 'ok' then
    if raw and (not open or mine or token == 'forced') then redis.call('HDEL', KEYS[1], model) end
    return
elseif outcome == 'heard' then
    -- Closed on probation: the next failure opens it again.
    if not open or not (mine or token == 'forced') then return end
    c.failures, c.at, c.reopen, c.probe, c.probe_until = limit - 1, now, 0, '', 0
elseif outcome == 'released' then
    if not mine then return end
    c.probe, c.probe_until = '', 0
elseif open then
    if not mine then return end
    c.at, c.error = now, error
    reopen()
else
    if now - c.at > window then c.failures, c.rounds = 0, 0 end
    c.failures, c.at, c.error = c.failures + 1, now, error
    if c.failures >= limit then reopen() end
end
redis.call('HSET', KEYS[1], model, cjson.encode(c))
